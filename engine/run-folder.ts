// `.lockstep/runs/ID`: where a run leaves what it made, and how older ones make room.
import { randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { access, lstat, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { instanceFileName } from '../src/model/instance-name.ts';

export const stateFolder = '.lockstep';
const keptRuns = 20;
const dayMs = 24 * 60 * 60 * 1000;

export interface RunFolder {
  readonly id: string;
  /** The source root. */
  readonly root: string;
  /** Absolute. */
  readonly path: string;
  /** Of a path inside: relative to the root, for people. */
  readonly shown: (path: string) => string;
  readonly logFile: (instance: string) => string;
  readonly artifactFolder: (instance: string, name: string) => string;
  readonly reportFolder: (instance: string, kind: string) => string;
  /** Forgets the artifacts and reports of an attempt that another one follows. */
  readonly clear: (instance: string) => Promise<void>;
}

/** Sorts by time; the random part keeps runs of one second apart. */
export const newRunId = (now: Date): string =>
  `${now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '').replace('T', '-')}-${randomBytes(3).toString('hex')}`;

const runId = /^\d{8}-\d{6}-[0-9a-f]{6}$/;

export function runFolderAt(root: string, id: string, path = join(root, stateFolder, 'runs', id)): RunFolder {
  return {
    id,
    root,
    path,
    shown: (inside) => relative(root, inside),
    logFile: (instance) => join(path, 'logs', `${instanceFileName(instance)}.log`),
    artifactFolder: (instance, name) => join(path, 'artifacts', instanceFileName(instance), name),
    reportFolder: (instance, kind) => join(path, 'reports', instanceFileName(instance), kind),
    clear: async (instance) => {
      for (const kind of ['artifacts', 'reports']) {
        await rm(join(path, kind, instanceFileName(instance)), { recursive: true, force: true });
      }
    },
  };
}

/** Makes the folder of a new run and names it in `.lockstep/last`. Failures: `state-folder`, `state-folder-unsafe`. */
export async function createRunFolder(root: string, id: string): Promise<Outcome<RunFolder>> {
  const folder = runFolderAt(root, id);
  const state = join(root, stateFolder);
  try {
    const unsafe = await findLink([state, join(state, 'runs')]);
    if (unsafe !== null) return linkFailure(unsafe);
    await mkdir(join(folder.path, 'logs'), { recursive: true });
    await writeAtomically(join(state, '.gitignore'), '*\n');
    await writeAtomically(join(state, 'last'), `${id}\n`);
  } catch (error) {
    return fail('environment', 'state-folder', `cannot write ${stateFolder}/ in ${root}`, {
      cause: String(error),
      hint: 'make the folder writable, or free some disk space',
    });
  }
  return ok(folder);
}

/** A reader sees the old file or the new one, never half of it. */
export async function writeAtomically(path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.${randomBytes(3).toString('hex')}`;
  await writeFile(temporary, text);
  await rename(temporary, path);
}

/** A link there would have us write and delete elsewhere: it may come with a checkout that somebody else made. */
async function findLink(folders: readonly string[]): Promise<string | null> {
  for (const folder of folders) {
    const found = await lstat(folder).catch(() => null);
    if (found !== null && !found.isDirectory()) return folder;
  }
  return null;
}

const linkFailure = (path: string): Outcome<never> =>
  fail('usage', 'state-folder-unsafe', `${path} is not a plain folder`, {
    hint: 'remove it: a run would write and delete where it points',
  });

/**
 * Makes room once a run has been written: not before, since it may have taken from the oldest. A run without a result
 * may still be going on; it is left alone for a day. What cannot be removed stays.
 */
export async function removeOldRuns({ root, id: newest }: RunFolder): Promise<void> {
  const runs = join(root, stateFolder, 'runs');
  const found = await readdir(runs, { withFileTypes: true }).catch(() => []);
  const ids = found
    .filter((entry) => entry.isDirectory() && runId.test(entry.name) && entry.name !== newest)
    .map((entry) => entry.name)
    .sort();
  for (const id of ids.slice(0, Math.max(0, ids.length - keptRuns + 1))) {
    const path = join(runs, id);
    const finished = await access(join(path, 'result.json'), constants.F_OK).then(
      () => true,
      () => false,
    );
    const age = Date.now() - ((await stat(path).catch(() => null))?.mtimeMs ?? 0);
    if (finished || age > dayMs) await rm(path, { recursive: true, force: true }).catch(() => undefined);
  }
}
