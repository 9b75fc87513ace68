// `-f` and the current folder → the pipeline file and the source root it belongs to.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { findRoot } from '../../engine/source-root.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import { unsupportedYet } from '../pipeline/not-yet.ts';
import { parsePipeline, type LoadedPipeline } from '../pipeline/parse.ts';

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
    return readPipelineFile(() => findRoot(dirname(path)), path);
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
  return readPipelineFile(() => root, path);
}

function readPipelineFile(findItsRoot: () => string, path: string): Outcome<PipelineFile> {
  try {
    const text = readFileSync(path, 'utf8');
    const root = findItsRoot();
    // The root is without links, so the file's folder must be too; a file that is itself a link keeps its name.
    const name = relative(root, join(realpathSync(dirname(path)), basename(path)));
    return ok({ root, name, text });
  } catch (error) {
    const cause = error instanceof Error ? error.message : String(error);
    return fail('usage', 'unreadable-pipeline', `cannot read the pipeline file ${path}`, { cause });
  }
}

export function checkPipeline(file: PipelineFile): {
  pipeline: LoadedPipeline | null;
  diagnostics: readonly Diagnostic[];
} {
  return parsePipeline({ file: file.name, text: file.text });
}

/** What a run of the whole file would refuse in this version, though nothing is wrong with it. */
export const notYetIn = (loaded: LoadedPipeline): readonly Diagnostic[] =>
  unsupportedYet(loaded, Object.keys(loaded.pipeline.jobs));
