import { expect, test } from 'vitest';
import type { RunEvent } from '../../../src/model/event.ts';
import { createSummary } from '../../../src/report/summary.ts';
import { jobFinished, runFinished, runStarted, stepFinished } from './events.ts';

function markdown(events: readonly RunEvent[]): string {
  const summary = createSummary();
  for (const event of events) void summary.emit(event);
  return summary.markdown();
}

const stepSummary = (job: string, step: number, text: string): RunEvent => ({
  type: 'step-summary',
  job,
  step,
  markdown: text,
});

test("status, digest, jobs, failed steps and tests, coverage, the steps' own words in plan order", () => {
  const finished = runFinished('failure');
  expect(
    markdown([
      runStarted(['lint', 'test']),
      stepSummary('test', 1, '# second\n'),
      stepSummary('test', 0, '# first\n'),
      stepSummary('lint', 0, '# lint | <b>\n'),
      stepFinished('test', 0, 'npm test', { status: 'failure', exitCode: 1 }),
      {
        type: 'report-stored',
        job: 'test',
        kind: 'junit',
        files: [],
        path: '',
        tests: {
          tests: 2,
          failed: 1,
          skipped: 0,
          durationMs: 1,
          failures: [{ name: 'a|b', message: 'x\n<b>', file: 'a.ts', line: 3 }],
        },
      },
      {
        type: 'report-stored',
        job: 'test',
        kind: 'lcov',
        files: [],
        path: '',
        coverage: { covered: 1, lines: 4 },
      },
      jobFinished('test', { status: 'failure', reason: 'step-failed' }),
      jobFinished('lint'),
      finished,
    ]),
  ).toBe(`## web: failure

In 1m 04s, result \`${finished.digest}\`

| job | status | time | tests | coverage |
| --- | --- | ---: | --- | ---: |
| \`lint\` | success | 12.3s |  |  |
| \`test\` | failure | 12.3s | 1 of 2 failed | 25.0% |

### Failed steps

- \`test\` step \`npm test\` failure (exit 1)

### Failed tests

- \`test\` **a&#124;b** at \`a.ts:3\`: x &#60;b&#62;

# lint | <b>

# first

# second
`);
});

test('a failed job without a failed step says why', () => {
  const failure = { kind: 'environment', code: 'x', message: 'no image' } as const;
  const shown = markdown([
    runStarted(['a']),
    jobFinished('a', { status: 'failure', reason: 'environment' }, { failure }),
  ]);
  expect(shown).toContain('- `a` environment: no image\n');
});

test('it is bounded, and says what it left out', () => {
  const jobs = Array.from({ length: 1000 }, (_, i) => `j${i}`);
  const shown = markdown([
    runStarted(jobs),
    ...jobs.flatMap((job) => [
      stepSummary(job, 0, 'x'.repeat(10_000)),
      stepFinished(job, 0, 'y'.repeat(500), {
        status: 'failure',
        failure: { kind: 'pipeline', code: 'c', message: 'z'.repeat(5000) },
      }),
      jobFinished(job, { status: 'failure', reason: 'step-failed' }),
    ]),
    runFinished('failure'),
  ]);
  expect(Buffer.byteLength(shown)).toBeLessThan(1024 * 1024);
  expect(shown).toContain('- and 950 more');
  expect(shown).toMatch(/\d+ step summaries left out/);
});
