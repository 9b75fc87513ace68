import { expect, test } from 'vitest';
import type { RunEvent } from '../../../src/model/event.ts';
import { createRunRecord } from '../../../src/report/run-record.ts';
import { renderSummary, type SummaryLimit } from '../../../src/report/summary.ts';
import { jobFinished, jobStarted, log, runFinished, runStarted, stepFinished } from './events.ts';

function markdown(events: readonly RunEvent[], limit?: SummaryLimit): string {
  const record = createRunRecord();
  const logs: Record<string, Buffer> = {};
  for (const event of events) {
    record.take(event);
    if (event.type === 'log')
      logs[event.job] = Buffer.concat([logs[event.job] ?? Buffer.alloc(0), event.chunk]);
  }
  const readLog = (job: string, { from, to }: { from: number; to: number }) =>
    logs[job]?.subarray(from, to) ?? Buffer.alloc(0);
  return renderSummary(record, readLog, limit);
}

const stepSummary = (job: string, step: number, text: string): RunEvent => ({
  type: 'step-summary',
  job,
  step,
  markdown: text,
});

test("status, digest, jobs, failures with their last lines, tests, coverage, artifacts, the steps' own words in plan order", () => {
  const finished = runFinished('failure');
  const report = { type: 'report-stored', job: 'test', files: ['r.xml', 's.xml'], path: '' } as const;
  const artifact = { type: 'artifact-stored', job: 'lint', digest: 'd', files: 1200, bytes: 2048 } as const;
  expect(
    markdown([
      runStarted(['lint', 'test', 'docs']),
      stepSummary('test', 1, '# second\n'),
      stepSummary('test', 0, '# first\n'),
      stepSummary('lint', 0, '# lint | <b>\n'),
      stepFinished('lint', 0, 'eslint'),
      jobStarted('test'),
      log('test', 0, 'an attempt that counts no more\n'),
      jobStarted('test', 2),
      stepSummary('test', 1, '# second\n'),
      stepSummary('test', 0, '# first\n'),
      log('test', 0, 'one\n\x1b[31mtwo ```\n'),
      log('test', 1, 'later\n'),
      stepFinished('test', 0, 'npm <test>', { status: 'failure', exitCode: 1 }),
      {
        ...report,
        kind: 'junit',
        tests: {
          ...{ tests: 2, failed: 1, skipped: 0, durationMs: 1 },
          failures: [{ name: 'a|b', message: 'x\n<b>', file: 'a.ts', line: 3 }],
        },
      },
      { ...report, kind: 'lcov', coverage: { covered: 1, lines: 4 } },
      { ...report, kind: 'cobertura', job: 'docs', files: ['c'], coverage: { covered: 1200, lines: 1200 } },
      { ...artifact, name: 'dist', path: 'p/dist' },
      { ...artifact, name: 'local', path: 'p/local' },
      {
        type: 'artifact-published',
        job: 'lint',
        name: 'dist',
        as: 'lint.dist',
        url: 'https://example.com/a b',
      },
      jobFinished('test', { status: 'failure', reason: 'step-failed' }, { attempts: 2 }),
      jobFinished('lint'),
      jobFinished('docs', { status: 'failure', 'allowed-failure': true, reason: 'step-failed' }),
      finished,
    ]),
  ).toBe(`## ❌ web: failure

In 1m 04s, result \`${finished.digest}\`

| job | status | time | attempts | tests | coverage |
| --- | --- | ---: | ---: | --- | ---: |
| \`lint\` | ✅ success | 12.3s |  |  |  |
| \`test\` | ❌ failure | 12.3s | 2 | 1 of 2 failed | 25.0% |
| \`docs\` | ⚠️ failure (allowed) | 12.3s |  |  | 100.0% |

### What failed

<details open><summary><code>test</code>, npm &#60;test&#62;: exit 1 after 1.2s</summary>

\`\`\`\`text
one
two \`\`\`
\`\`\`\`

</details>

<code>docs</code>: step-failed (allowed)

### Failed tests

- **a&#124;b** at \`a.ts:3\` (\`test\`): x &#60;b&#62;

### Coverage

| job | report | lines | covered | share |
| --- | --- | ---: | ---: | ---: |
| **all** |  | 1,204 | 1,201 | 99.7% |
| \`test\` | \`r.xml\` and 1 more | 4 | 1 | 25.0% |
| \`docs\` | \`c\` | 1,200 | 1,200 | 100.0% |

### Artifacts

| job | artifact | files | size | where |
| --- | --- | ---: | ---: | --- |
| \`lint\` | \`dist\` | 1,200 | 2.0 KiB | [lint.dist](<https://example.com/a%20b>) |
| \`lint\` | \`local\` | 1,200 | 2.0 KiB | \`p/local\` |

---

\`lint\` eslint

# lint | <b>

---

\`test\` npm &#60;test&#62;

# first

---

\`test\`

# second
`);
});

test('a failed job without a failed step says why', () => {
  const failure = { kind: 'environment', code: 'x', message: 'no image' } as const;
  const shown = markdown([
    runStarted(['a']),
    jobFinished('a', { status: 'failure', reason: 'environment' }, { failure }),
  ]);
  expect(shown).toContain('<summary><code>a</code>: environment</summary>\n\n```text\nno image\n```\n');
});

const failure = (index: number, message = 'wrong') => ({
  name: `case ${index}`,
  message,
  file: 'a.ts',
  line: index,
});
const tested = (job: string, failed: number, failures: readonly ReturnType<typeof failure>[]): RunEvent => ({
  ...{ type: 'report-stored', job, kind: 'junit', files: ['r.xml'], path: '' },
  tests: { tests: failed, failed, skipped: 0, durationMs: 1, failures },
});

test('ten failed tests are seen, the others on demand; what the report reader left out is counted', () => {
  const shown = markdown([
    runStarted(['a']),
    tested(
      'a',
      10_000,
      Array.from({ length: 500 }, (_, index) => failure(index)),
    ),
    jobFinished('a'),
  ]);
  const [before = '', after = ''] = shown.split('<details><summary>490 more</summary>\n\n- **case 10** ');
  expect(before.match(/^- /gm)).toHaveLength(10);
  expect(after.match(/^- /gm)).toHaveLength(489);
  expect(after).toContain('\n\n</details>\n\nand 9,500 more: all are in the reports\n');
});

test('a test that fails in each instance of a matrix is told once', () => {
  const jobs = ['t[n=1]', 't[n=2]', 't[n=3]'];
  const shown = markdown([
    runStarted(jobs),
    ...jobs.flatMap((job) => [tested(job, 2, [failure(1), failure(2, job)]), jobFinished(job)]),
  ]);
  expect(shown).toContain('- **case 1** at `a.ts:1` (`t[n=1]` and 2 more): wrong\n');
  expect(shown.match(/^- \*\*case 2/gm)).toHaveLength(3);
});

const limit = { bytes: 1_000_000, whole: 'elsewhere' };

test('with whatever is in it, it is no longer than asked for', () => {
  const jobs = Array.from({ length: 1000 }, (_, i) => `j${i}${'|'.repeat(300)}`);
  const shown = markdown(
    [
      runStarted(jobs),
      ...jobs.flatMap((job, index) => [
        stepSummary(job, 0, '<details>\n'.repeat(10_000)),
        log(job, 0, '`'.repeat(20_000)),
        stepFinished(job, 0, '<'.repeat(500), {
          status: 'failure',
          failure: { kind: 'pipeline', code: 'c', message: 'z'.repeat(5000) },
        }),
        tested(job, 500, [failure(index, '<'.repeat(4000))]),
        jobFinished(job, { status: 'failure', reason: 'step-failed' }),
      ]),
      runFinished('failure'),
    ],
    limit,
  );
  expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(limit.bytes);
  for (const noun of ['more job', 'more', 'more: all are in the reports'])
    expect(shown).toMatch(new RegExp(`^and [\\d,]+ ${noun}s?$`, 'm'));
  expect(shown).toContain('**Cut:** 1,000 of 1,000 step summaries, to');
});

test('short summaries of steps are whole, long ones share what is left, and it is said where the whole is', () => {
  const long = '- ä line\n'.repeat(100_000);
  const events = [
    runStarted(['a']),
    ...[long, 'short one', long].map((text, at) => stepSummary('a', at, text)),
    jobFinished('a'),
  ];
  const shown = markdown(events, limit);
  expect(Buffer.byteLength(shown)).toBeLessThanOrEqual(limit.bytes);
  expect(Buffer.byteLength(shown)).toBeGreaterThan(limit.bytes * 0.98);
  expect(shown).toContain('short one');
  expect(shown.match(/\n- ä line\n\n\*cut\*\n/g)).toHaveLength(2);
  expect(shown).toMatch(/\*\*Cut:\*\* 2 of 3 step summaries, to 4\d\d\.\d KiB each\. The whole: elsewhere\n/);
  expect(markdown(events)).toContain(`${long}\n---`);
  expect(markdown(events)).not.toMatch(/cut/i);
});

test('what a step left open ends with it', () => {
  const shown = markdown([
    runStarted(['a']),
    stepSummary('a', 0, '```\ncode'),
    stepSummary('a', 1, 'words'),
    jobFinished('a'),
  ]);
  expect(shown).toContain('```\ncode\n```\n\n---\n');
});
