// A result → the file that `--result` names.
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fail, type Failure } from '../model/failure.ts';
import { resultText, type RunResult } from '../model/result.ts';

/** Null when it was written. */
export async function writeResultFile(path: string, result: RunResult): Promise<Failure | null> {
  try {
    await writeFile(resolve(path), resultText(result));
    return null;
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return fail('environment', 'result-file', `cannot write the result to ${path}`, { cause }).failure;
  }
}
