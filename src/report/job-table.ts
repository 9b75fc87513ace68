// Records of jobs → the rows of the summary table, as plain words; columns that would be empty are left out.
import { formatDuration, formatShare } from './quantity.ts';
import { countReuse, coverageOf, testsOf, type JobRecord } from './run-record.ts';
import type { Column } from './table.ts';
import { jobWords, testWords } from './wording.ts';

type JobColumn = 'job' | 'status' | 'time' | 'reused' | 'attempts' | 'tests' | 'coverage';

interface JobTable {
  readonly columns: readonly (Column & { readonly title: JobColumn })[];
  readonly rows: readonly {
    readonly record: JobRecord;
    readonly cells: Readonly<Record<JobColumn, string>>;
  }[];
}

const columns: JobTable['columns'] = [
  { title: 'job' },
  { title: 'status' },
  { title: 'time', align: 'right' },
  { title: 'reused', align: 'right' },
  { title: 'attempts', align: 'right' },
  { title: 'tests' },
  { title: 'coverage', align: 'right' },
];

/** Jobs that ended, in plan order. */
export function jobTable(jobs: readonly JobRecord[]): JobTable {
  const rows = jobs.flatMap((record) => {
    const { end } = record;
    if (end === undefined) return [];
    const tests = testsOf(record);
    const coverage = coverageOf(record);
    const cells = {
      job: record.name,
      status: jobWords(end.result),
      time: end.result.status === 'skipped' ? '-' : formatDuration(end.durationMs),
      reused: end.reused === 'none' ? '' : reusedSteps(record),
      attempts: end.attempts > 1 ? String(end.attempts) : '',
      tests: tests === undefined ? '' : testWords(tests),
      coverage: coverage === undefined ? '' : formatShare(coverage.covered, coverage.lines),
    };
    return [{ record, cells }];
  });
  return { columns: columns.filter(({ title }) => rows.some(({ cells }) => cells[title] !== '')), rows };
}

/** `3 of 10` steps. */
function reusedSteps(record: JobRecord): string {
  const { reused, steps } = countReuse([record]);
  return reused === steps ? 'all' : `${reused} of ${steps}`;
}
