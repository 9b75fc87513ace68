// `.lockstep/runs/ID`: where a run leaves what it made, and how older ones make room.
import { randomBytes } from 'node:crypto';
import { existsSync, lstatSync, readdirSync, renameSync, writeFileSync, type Dirent } from 'node:fs';
import { rm, unlink } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { instanceFileName } from '../src/model/instance-name.ts';
import { makeFolder } from './make-folder.ts';
import { removePartials } from './partial-folder.ts';

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

/** Ids of the runs whose folders lie in a checkout. */
export function runsIn(root: string): ReadonlySet<string> {
  try {
    return new Set(readdirSync(join(root, stateFolder, 'runs')).filter((name) => runId.test(name)));
  } catch {
    return new Set();
  }
}

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

/**
 * Makes the folder of a new run and names it in `.lockstep/last`. Failures: `state-folder`, `state-folder-unsafe`.
 * Synchronous as all here that is few and small: a way through Node's threads takes longer than the work.
 */
export function createRunFolder(root: string, id: string): Outcome<RunFolder> {
  const folder = runFolderAt(root, id);
  const state = join(root, stateFolder);
  try {
    const unsafe = findLink([state, join(state, 'runs')]);
    if (unsafe !== null) return linkFailure(unsafe);
    makeFolder(join(folder.path, 'logs'));
    writeAtomically(join(state, '.gitignore'), '*\n');
    writeAtomically(join(state, 'last'), `${id}\n`);
  } catch (error) {
    return fail('environment', 'state-folder', `cannot write ${stateFolder}/ in ${root}`, {
      cause: String(error),
      hint: 'make the folder writable, or free some disk space',
    });
  }
  return ok(folder);
}

/** A reader sees the old file or the new one, never half of it. */
export function writeAtomically(path: string, text: string): void {
  const temporary = `${path}.${process.pid}.${randomBytes(3).toString('hex')}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
}

/** A link there would have us write and delete elsewhere: it may come with a checkout that somebody else made. */
const findLink = (folders: readonly string[]): string | null =>
  folders.find((folder) => lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === false) ?? null;

const linkFailure = (path: string): Outcome<never> =>
  fail('usage', 'state-folder-unsafe', `${path} is not a plain folder`, {
    hint: 'remove it: a run would write and delete where it points',
  });

/**
 * Leaves the newest 20 runs. One without a result may still be going on; it is left alone for a day, but for what a
 * process that was killed had only half written. What cannot be removed stays.
 */
export async function removeOldRuns({ root, id: newest }: RunFolder): Promise<void> {
  const runs = join(root, stateFolder, 'runs');
  const ids = entriesIn(runs)
    .filter((entry) => entry.isDirectory() && runId.test(entry.name) && entry.name !== newest)
    .map((entry) => entry.name)
    .sort();
  const spare = Math.max(0, ids.length - keptRuns + 1);
  await Promise.all(
    ids.map(async (id, index) => {
      const run = join(runs, id);
      const isFinished = existsSync(join(run, 'result.json'));
      if (index < spare && (isFinished || isOld(run))) await removeRun(run);
      else if (!isFinished) await removeHalfWritten(run);
    }),
  );
}

const isOld = (run: string): boolean =>
  Date.now() - (lstatSync(run, { throwIfNoEntry: false })?.mtimeMs ?? 0) > dayMs;

/** Of artifacts and reports. A link there leads elsewhere and is not followed. */
async function removeHalfWritten(run: string): Promise<void> {
  for (const shelf of ['artifacts', 'reports'].map((kind) => join(run, kind))) {
    if (findLink([shelf]) !== null) continue;
    for (const job of entriesIn(shelf)) if (job.isDirectory()) await removePartials(join(shelf, job.name));
  }
}

/** The files that every run has go all at once: their removal then needs no turn of an event loop that may be busy. */
async function removeRun(run: string): Promise<void> {
  const inside = entriesIn(run);
  // Never through a link.
  const logs = inside.filter((entry) => entry.isDirectory() && entry.name === 'logs');
  const files = [...inside, ...logs.flatMap(() => entriesIn(join(run, 'logs')))]
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  await Promise.all(files.map((file) => unlink(file).catch(() => undefined)));
  await rm(run, { recursive: true, force: true }).catch(() => undefined);
}

function entriesIn(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}
