// A finished run → the three documents of its folder.
import { join } from 'node:path';
import { resultText, type RunResult } from '../src/model/result.ts';
import type { RunInputs, RunTimes } from '../src/model/run-files.ts';
import { writeAtomically, type RunFolder } from './run-folder.ts';

export interface FinishedRun {
  readonly folder: RunFolder;
  readonly result: RunResult;
  readonly inputs: RunInputs;
  readonly times: RunTimes;
}

/** `result.json` comes last: a folder that has one is whole. */
export function writeRunFolder({ folder, result, inputs, times }: FinishedRun): void {
  writeAtomically(join(folder.path, 'inputs.json'), `${JSON.stringify(inputs)}\n`);
  writeAtomically(join(folder.path, 'run.json'), `${JSON.stringify(times, null, 2)}\n`);
  writeAtomically(join(folder.path, 'result.json'), resultText(result));
}
