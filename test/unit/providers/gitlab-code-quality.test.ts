import { expect, test } from 'vitest';
import { renderCodeQuality } from '../../../providers/gitlab/code-quality.ts';
import type { Annotation } from '../../../src/contract/log-style.ts';

interface Violation {
  readonly description: string;
  readonly check_name: string;
  readonly fingerprint: string;
  readonly severity: string;
  readonly location: { readonly path: string; readonly lines: { readonly begin: number } };
}

const violations = (...problems: readonly Annotation[]): readonly Violation[] =>
  JSON.parse(renderCodeQuality(problems, (file) => `sub/${file}`)) as Violation[];

const problem: Annotation = {
  level: 'error',
  title: 'a: t',
  message: 'no\n  good',
  file: 'src/a b.ts',
  line: 7,
};

test('a problem that has a file is a violation at its place', () => {
  expect(violations(problem, { level: 'error', title: 'a: s', message: 'exit 1' })).toEqual([
    {
      ...{ description: 'no   good', check_name: 'a: t', severity: 'major' },
      fingerprint: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      location: { path: 'sub/src/a b.ts', lines: { begin: 7 } },
    },
  ]);
  expect(renderCodeQuality([], (file) => file)).toBe('[]\n');
});

test('levels are severities, and a problem without a line is at the first', () => {
  const { line, ...whole } = problem;
  expect(line).toBe(7);
  const all = violations({ ...whole, level: 'warning' }, { ...whole, level: 'notice' });
  expect(all.map(({ severity, location }) => [severity, location.lines.begin])).toEqual([
    ['minor', 1],
    ['info', 1],
  ]);
});

test('fingerprints are apart from each other, and stay where lines move and words change', () => {
  const other = { ...problem, file: 'b.ts' };
  const all = violations(problem, problem, other, { ...problem, title: 'b: t' });
  expect(new Set(all.map(({ fingerprint }) => fingerprint)).size).toBe(4);
  const [moved, , again] = violations({ ...problem, line: 9, message: 'in 3.2s' }, other, problem);
  expect([moved?.fingerprint, again?.fingerprint]).toEqual([all[0]?.fingerprint, all[1]?.fingerprint]);
});

test('nothing that GitLab cannot hold is in it, and nothing without end', () => {
  const odd = 'a\0b\x1b[31m\u2028c\udcffd 😀';
  const [one, two] = violations(
    { ...problem, title: odd, message: odd },
    { ...problem, title: 't'.repeat(5000), message: '😀'.repeat(5000) },
  );
  expect([one?.check_name, one?.description]).toEqual(['a b [31m c d 😀', 'a b [31m c d 😀']);
  expect(two?.description).toBe(`${'😀'.repeat(999)}…`);
  expect(two?.check_name).toHaveLength(200);
  expect(violations({ ...problem, message: '\n' })[0]?.description).toBe('a: t');
});
