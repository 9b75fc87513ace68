// `lockstep merge`: run folders of jobs that ran apart → one run folder, one result, one digest.
import { resolve } from 'node:path';
import { mergeFolders, type UnitedRun } from '../compose/merge.ts';
import { platformOffers } from '../compose/platform-offers.ts';
import { resultText } from '../model/result.ts';
import { renderClosing } from '../report/closing.ts';
import { createPaint } from '../report/style.ts';
import { textOf } from '../report/told.ts';
import { resultExitCode } from './exit-code.ts';
import type { RunHooks } from './run.ts';
import { showFailure, showUnleft, stdoutColor } from './show.ts';
import { writeResultFile } from './result-file.ts';

export interface MergeOptions {
  readonly job: readonly string[];
  readonly result?: string;
  readonly json?: boolean;
  readonly exitCodeAllowedFailure?: number;
}

export async function mergeCommand(
  folders: readonly string[],
  options: MergeOptions,
  hooks: RunHooks = {},
): Promise<number> {
  const paths = folders.map((folder) => resolve(folder));
  const logs = hooks.logs ?? (await platformOffers(process.env))?.logs();
  const merged = await mergeFolders(process.cwd(), paths, options.job, process.env, hooks.summaryBytes);
  if (!merged.ok) return showFailure(merged.failure, logs);
  hooks.ended?.(merged.value);
  const { result, unleft } = merged.value;
  const written = options.result === undefined ? null : await writeResultFile(options.result, result);
  if (written) return showFailure(written, logs);
  const text = options.json ? resultText(result) : closingOf(merged.value, logs?.color ?? stdoutColor());
  // The machines that ran the jobs have shown their problems at their places.
  process.stdout.write(logs ? logs.say(text) : text);
  return showUnleft(unleft, resultExitCode(result, options.exitCodeAllowedFailure), logs);
}

/** As at the end of one run of all the jobs. */
const closingOf = ({ record, tail }: UnitedRun, color: boolean): string =>
  textOf(renderClosing(record, tail, createPaint(color)));
