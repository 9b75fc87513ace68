// Problems that have a place → GitLab's code quality report, which shows them in a merge request.
// https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
import { hash } from 'node:crypto';
import type { Annotation } from '../../src/contract/log-style.ts';

interface Violation {
  readonly description: string;
  readonly check_name: string;
  readonly fingerprint: string;
  readonly severity: 'info' | 'minor' | 'major';
  readonly location: { readonly path: string; readonly lines: { readonly begin: number } };
}

const severities = { notice: 'info', warning: 'minor', error: 'major' } as const;
/** Characters. */
const longest = { description: 1000, check: 200 };

/** `pathOf`: of a file of the source root, from the top of the repository. JSON, `[]` where no problem has a file. */
export function renderCodeQuality(problems: readonly Annotation[], pathOf: (file: string) => string): string {
  const counts = new Map<string, number>();
  const violations = problems.flatMap(({ level, title, message, file, line = 1 }): Violation[] => {
    if (file === undefined) return [];
    const path = pathOf(file);
    // GitLab takes two of one fingerprint for one, and compares branches by them: lines move, words of a message change.
    const what = JSON.stringify([title, path]);
    const nth = (counts.get(what) ?? 0) + 1;
    counts.set(what, nth);
    return [
      {
        description: oneLine(message, longest.description) || oneLine(title, longest.description),
        check_name: oneLine(title, longest.check),
        fingerprint: hash('sha256', JSON.stringify([title, path, nth])),
        severity: severities[level],
        location: { path, lines: { begin: line } },
      },
    ];
  });
  return `${JSON.stringify(violations, null, 1)}\n`;
}

/** Without what no JSON of GitLab's can hold: control characters and halves of surrogate pairs. */
function oneLine(text: string, most: number): string {
  const characters = Array.from(text.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]+/gu, ' ').trim());
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : characters.join('');
}
