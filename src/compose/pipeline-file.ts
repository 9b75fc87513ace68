// `-f` and the current folder → the pipeline file and the source root it belongs to.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { findRoot } from '../../engine/source-root.ts';
import type { Environment } from '../contract/provider.ts';
import type { Diagnostic } from '../model/diagnostic.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import { unsupportedYet } from '../pipeline/not-yet.ts';
import type { LoadedPipeline } from '../pipeline/loaded.ts';
import type { ParsedFile } from '../pipeline/parse.ts';
import { cacheFolder } from './cache-folder.ts';
import { parsedFiles } from './parsed-files.ts';

declare const LOCKSTEP_BUILD: string | undefined;
/** The bundler fills it in; sources change without it, so nothing they read is kept. */
const thisBuild = typeof LOCKSTEP_BUILD === 'string' ? LOCKSTEP_BUILD : null;

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

/** What parsing gives, whether it was parsed now or, word for word the same, before. `build` is for tests. */
export async function checkPipeline(
  { name, text }: PipelineFile,
  environment: Environment,
  build = thisBuild,
): Promise<ParsedFile> {
  const source = { file: name, text };
  const caches = cacheFolder(environment);
  const files = build === null || caches === null ? null : parsedFiles(join(caches, 'parsed'), build, source);
  const kept = files?.read();
  if (kept) return kept;
  const { parsePipeline } = await import('../pipeline/parse.ts');
  const parsed = parsePipeline(source);
  // What is wrong with a file changes with the next key press.
  if (parsed.pipeline) files?.keep(parsed);
  return parsed;
}

/** What a run of the whole file would refuse in this version, though nothing is wrong with it. */
export const notYetIn = (loaded: LoadedPipeline): readonly Diagnostic[] =>
  unsupportedYet(loaded, Object.keys(loaded.pipeline.jobs));
