// Problems of a run → a SARIF report, which the plugin Warnings shows at their places.
// https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
import type { Annotation } from '../../src/contract/log-style.ts';

const levels = { notice: 'note', warning: 'warning', error: 'error' } as const;

/** `pathOf`: of a file of the source root, from the top of the workspace. JSON, with no results where there are no problems. */
export function renderSarif(problems: readonly Annotation[], pathOf: (file: string) => string): string {
  const results = problems.map(({ level, title, message, file, line, column }) => ({
    ruleId: whole(title),
    level: levels[level],
    message: { text: whole(message) || whole(title) },
    ...(file !== undefined && {
      locations: [
        {
          physicalLocation: {
            artifactLocation: { uri: uriOf(pathOf(file)) },
            ...(line !== undefined && {
              region: { startLine: line, ...(column !== undefined && { startColumn: column }) },
            }),
          },
        },
      ],
    }),
  }));
  const report = {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver: { name: 'Lockstep' } }, columnKind: 'utf16CodeUnits', results }],
  };
  return `${JSON.stringify(report, null, 1)}\n`;
}

/** A relative reference; a colon in its first part would make that a scheme. */
const uriOf = (path: string): string =>
  path
    .split('/')
    .map((part) => encodeURIComponent(part.toWellFormed()))
    .join('/');

/** Without control characters but tabs and line ends. */
const whole = (text: string): string =>
  text
    .toWellFormed()
    .replace(/(?![\t\n])\p{Cc}/gu, ' ')
    .trim();
