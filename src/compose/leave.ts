// A run folder that is whole → what the platform takes from the checkout, left there.
import { join, sep } from 'node:path';
import type { FinishedRun } from '../../engine/finished-run.ts';
import { detectProvider } from '../../providers/registry.ts';
import type { Environment } from '../contract/provider.ts';
import type { Failure } from '../model/failure.ts';
import { runProblems } from '../report/closing.ts';
import type { RunRecord } from '../report/run-record.ts';
import { logReader, tailReader } from './summary.ts';

/** What could not be left. `record`: of all events of the run. */
export async function leaveForPlatform(
  environment: Environment,
  { folder, result, times }: FinishedRun,
  record: RunRecord,
): Promise<readonly Failure[]> {
  const { leave } = detectProvider(environment);
  if (leave === undefined) return [];
  const reports = record
    .jobs()
    .flatMap(({ name: job, reports }) =>
      reports.flatMap(({ kind, files }) =>
        files.map((file) => ({ job, kind, file: join(folder.reportFolder(job, kind), file) })),
      ),
    );
  return leave(environment, {
    ...{ root: folder.root, folder: folder.path, result, digest: times.digest },
    problems: runProblems(record, tailReader(record, logReader(folder))),
    // What events of other machines say may be anything.
    reports: reports.filter(({ file }) => file.startsWith(folder.path + sep)),
  });
}
