// `lockstep merge`: run folders of jobs that ran apart → one run folder, one result, one digest.
import { resolve } from 'node:path';
import { mergeFolders, type UnitedRun } from '../compose/merge.ts';
import { resultText } from '../model/result.ts';
import { renderClosing } from '../report/closing.ts';
import { lastLinesOf } from '../report/log-tail.ts';
import { createPaint } from '../report/style.ts';
import { textOf } from '../report/told.ts';
import { resultExitCode } from './exit-code.ts';
import type { RunHooks } from './run.ts';
import { showFailure, stdoutColor } from './show.ts';
import { writeResultFile } from './result-file.ts';

export interface MergeOptions {
  readonly job: readonly string[];
  readonly result?: string;
  readonly json?: boolean;
}

export async function mergeCommand(
  folders: readonly string[],
  options: MergeOptions,
  hooks: RunHooks = {},
): Promise<number> {
  const paths = folders.map((folder) => resolve(folder));
  const merged = await mergeFolders(process.cwd(), paths, options.job, hooks.summaryBytes);
  if (!merged.ok) return showFailure(merged.failure, hooks.logs);
  hooks.ended?.(merged.value);
  const { result } = merged.value;
  const written = options.result === undefined ? null : await writeResultFile(options.result, result);
  if (written) return showFailure(written, hooks.logs);
  const text = options.json ? resultText(result) : closingOf(merged.value);
  // The machines that ran the jobs have shown their problems at their places.
  process.stdout.write(hooks.logs ? hooks.logs.say(text) : text);
  return resultExitCode(result);
}

/** As at the end of one run of all the jobs. */
function closingOf({ record, readLog }: UnitedRun): string {
  const ranges = new Map(record.jobs().map(({ name, logs }) => [name, logs]));
  const tail = (job: string, step: number): readonly string[] => {
    const range = ranges.get(job)?.get(step);
    return range === undefined ? [] : lastLinesOf(readLog(job, range));
  };
  return textOf(renderClosing(record, tail, createPaint(stdoutColor())));
}
