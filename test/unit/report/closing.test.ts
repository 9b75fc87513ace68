import { expect, test } from 'vitest';
import type { ReportStored } from '../../../src/model/event.ts';
import { renderClosing, runProblems } from '../../../src/report/closing.ts';
import { createRunRecord } from '../../../src/report/run-record.ts';
import { createPaint } from '../../../src/report/style.ts';
import { textOf } from '../../../src/report/told.ts';
import { jobFinished, runFinished, runStarted, stepFinished } from './events.ts';

const report = (job: string, more: Partial<ReportStored>): ReportStored => ({
  ...{ type: 'report-stored', job, kind: 'cobertura', files: ['c.xml'], path: 'p' },
  ...more,
});

test('coverage of all reports is one line, which a regular expression finds; without counted lines there is none', () => {
  const closing = (...reports: readonly ReportStored[]): string => {
    const record = createRunRecord();
    for (const event of [runStarted(['a', 'b']), ...reports, jobFinished('a'), runFinished('success')])
      record.take(event);
    return textOf(renderClosing(record, () => [], createPaint(false)));
  };
  const text = closing(
    report('a', { coverage: { covered: 3, lines: 4 } }),
    report('b', { kind: 'lcov', coverage: { covered: 2, lines: 2 } }),
  );
  expect(/^coverage: (\d+(?:\.\d+)?)% of lines$/m.exec(text)?.[1]).toBe('83.3');
  expect(closing(report('a', { coverage: { covered: 0, lines: 0 } }))).not.toContain('coverage:');
  expect(closing()).not.toContain('coverage');
});

test('the problems of a run are all of them, though its end tells of some', () => {
  const record = createRunRecord();
  const jobs = Array.from({ length: 30 }, (_, at) => `j${at}`);
  record.take(runStarted(jobs));
  for (const job of jobs) {
    record.take(stepFinished(job, 0, 's', { status: 'failure', exitCode: 1 }));
    const failures = Array.from({ length: 40 }, (_, at) => ({
      name: `${job} t${at}`,
      message: 'm',
      file: 'f',
      line: at,
    }));
    record.take(
      report(job, { kind: 'junit', tests: { tests: 40, failed: 40, skipped: 0, durationMs: 1, failures } }),
    );
    record.take(jobFinished(job, { status: 'failure', reason: 'step-failed' }));
  }
  record.take(runFinished('failure'));
  const problems = runProblems(record, () => ['why']);
  expect(problems.filter(({ file }) => file === undefined)).toHaveLength(30);
  expect(problems.filter(({ file }) => file === 'f')).toHaveLength(30 * 40);
  expect(problems[0]?.message).toMatch(/^failed: j0, s: exit 1 after 1.2s\n.*\n {2}\| why$/);
  const shown = renderClosing(record, () => [], createPaint(false)).flatMap(({ problem }) => problem ?? []);
  expect(shown).toHaveLength(20 + 30 * 25);
});
