// `lockstep merge`: run folders of jobs that ran apart → one run folder, one result, one digest.
import { resolve } from 'node:path';
import { mergeFolders } from '../compose/run.ts';
import { resultText } from '../model/result.ts';
import { resultExitCode } from './exit-code.ts';
import { showFailure } from './show.ts';
import { writeResultFile } from './result-file.ts';

export interface MergeOptions {
  readonly job: readonly string[];
  readonly result?: string;
  readonly json?: boolean;
}

export async function mergeCommand(folders: readonly string[], options: MergeOptions): Promise<number> {
  const paths = folders.map((folder) => resolve(folder));
  const merged = await mergeFolders(process.cwd(), paths, options.job);
  if (!merged.ok) return showFailure(merged.failure);
  const { result, times, folder } = merged.value;
  const written = options.result === undefined ? null : await writeResultFile(options.result, result);
  if (written) return showFailure(written);
  if (options.json) process.stdout.write(resultText(result));
  else process.stdout.write(`${folder.shown(folder.path)}\n${result.status}\nresult ${times.digest}\n`);
  return resultExitCode(result);
}
