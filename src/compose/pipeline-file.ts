// `-f` and the current folder → the pipeline file and the source root it belongs to.
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { findRoot } from '../../engine/source-tree.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';

export interface PipelineFile {
  /** Absolute. */
  readonly root: string;
  /** Relative to the root: how messages name it. */
  readonly name: string;
  readonly text: string;
}

const fileNames = ['lockstep.yml', 'lockstep.yaml'];

/** The file that `-f` names, else `lockstep.yml` (or `.yaml`) at git's top level, else in the folder itself. */
export function findPipelineFile(folder: string, named: string | undefined): Outcome<PipelineFile> {
  if (named !== undefined) {
    const path = resolve(folder, named);
    return readPipelineFile(findRoot(dirname(path)), path);
  }
  const root = findRoot(folder);
  const found = fileNames.map((name) => join(root, name)).filter((path) => existsSync(path));
  const [path, other] = found;
  if (path === undefined) {
    return fail('usage', 'no-pipeline', `there is no lockstep.yml in ${root}`, {
      hint: 'write one (the README shows how), or name another file with -f',
    });
  }
  if (other !== undefined) {
    return fail('usage', 'two-pipelines', `${root} has both ${fileNames.join(' and ')}`, {
      hint: 'remove one, or say which with -f',
    });
  }
  return readPipelineFile(root, path);
}

function readPipelineFile(root: string, path: string): Outcome<PipelineFile> {
  try {
    return ok({ root, name: relative(root, path), text: readFileSync(path, 'utf8') });
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return fail('usage', 'unreadable-pipeline', `cannot read the pipeline file ${path}`, { cause });
  }
}
