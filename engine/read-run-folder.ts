// The folder of a finished run, maybe from another machine → its three documents.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { instanceJob } from '../src/model/instance-name.ts';
import { canonicalJson } from '../src/model/json.ts';
import { resultDigest, type RunResult } from '../src/model/result.ts';
import {
  parseRunInputs,
  parseRunResult,
  parseRunTimes,
  type RunInputs,
  type RunTimes,
} from '../src/model/run-files.ts';
import type { FinishedRun } from './finished-run.ts';
import { runFolderAt } from './run-folder.ts';

/** Failure `run-folder` (usage): what is missing or damaged there. */
export async function readRunFolder(path: string): Promise<Outcome<FinishedRun>> {
  const read = async <T>(name: string, parse: (text: string) => T): Promise<Outcome<T>> => {
    try {
      return ok(parse(await readFile(join(path, name), 'utf8')));
    } catch (error) {
      return fail('usage', 'run-folder', `${path} is no finished run: cannot read ${name}`, {
        cause: error instanceof Error ? error.message : String(error),
        hint: 'name a folder such as .lockstep/runs/ID that a finished run left',
      });
    }
  };
  const result = await read('result.json', parseRunResult);
  if (!result.ok) return result;
  const inputs = await read('inputs.json', parseRunInputs);
  if (!inputs.ok) return inputs;
  const times = await read('run.json', parseRunTimes);
  if (!times.ok) return times;
  const wrong = contradiction(result.value, inputs.value, times.value);
  if (wrong !== null) {
    return fail('usage', 'run-folder', `${path} is damaged: ${wrong}`, {
      hint: 'take the folder again from where the run was made',
    });
  }
  const folder = runFolderAt(path, times.value.id, path);
  return ok({ folder, result: result.value, inputs: inputs.value, times: times.value });
}

/** What does not fit together in the documents of one run; null when all does. */
function contradiction(result: RunResult, { instances, lineage }: RunInputs, times: RunTimes): string | null {
  if (resultDigest(result) !== times.digest) return 'result.json has not the digest that run.json names';
  const ids = Object.keys(result.jobs).sort();
  if (canonicalJson(ids) !== canonicalJson([...instances].sort())) {
    return 'inputs.json does not name the instances that result.json has';
  }
  const orphan = ids.find((id) => !Object.hasOwn(lineage, instanceJob(id)));
  return orphan === undefined ? null : `inputs.json has no lineage of ${orphan}`;
}
