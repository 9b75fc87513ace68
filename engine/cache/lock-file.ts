// A name → one holder at a time among all processes that use the folder.
//
// A lock is a file that is linked into place whole; its text says who holds it and never comes back. A dead holder's
// file is not removed and made anew, since of two who try, one may remove what the other just made. It is followed by a
// file named after its text, which again only one can make; that one holds the lock. Releasing removes the files from
// the first to the last, and whoever has made a follower looks whether the first is still there.
import { hash, randomBytes } from 'node:crypto';
import { closeSync, fstatSync, linkSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../disk-tree.ts';
import { ownerText, parseOwner, standing } from '../owner.ts';
import {
  isMissing,
  partialPath,
  removeDamaged,
  removeFile,
  shelf,
  type StoreFolder,
  tellUnwritable,
  withFolders,
} from './store-folder.ts';

/** A holder that cannot be looked at from here and gave no sign for this long is dead. */
const silenceMs = 30_000;

export interface LockFile {
  /** Those of dead holders, then our own. */
  readonly files: readonly string[];
}

interface Holder {
  readonly path: string;
  readonly text: string;
  readonly mtimeMs: number;
}

/** When which sign of a holder was first seen from here, on a clock that does not jump; by the text of its file. */
export type Signs = Map<string, { readonly mtimeMs: number; readonly since: number }>;

/** `unwritable`: nobody can be locked out, which was told. */
export async function claimLock(
  store: StoreFolder,
  name: string,
  signs: Signs,
): Promise<LockFile | 'busy' | 'unwritable'> {
  const first = join(shelf(store, 'locks'), name);
  const dead: Holder[] = [];
  let path = first;
  for (;;) {
    const holder = readHolder(store, path);
    if (holder === null) break;
    if (!(await isDead(store, holder, signs))) return 'busy';
    dead.push(holder);
    path = `${first}.${hash('sha256', holder.text).slice(0, 32)}`;
  }
  const made = await makeLock(store, path);
  if (made !== 'made') return made;
  if (dead[0] === undefined || readHolder(store, first)?.text === dead[0].text) {
    return { files: [...dead.map((holder) => holder.path), path] };
  }
  removeFile(store, path); // The dead one's followers have been released meanwhile.
  return 'busy';
}

export function releaseLock(store: StoreFolder, { files }: LockFile): void {
  for (const path of files) removeFile(store, path);
}

async function makeLock(store: StoreFolder, path: string): Promise<'made' | 'busy' | 'unwritable'> {
  const text = `${ownerText(await store.self())} ${randomBytes(16).toString('hex')}\n`;
  const partial = await partialPath(store);
  try {
    await withFolders(store, () => writeFileSync(partial, text, { flag: 'wx' }));
    try {
      await withFolders(store, () => linkSync(partial, path));
      return 'made';
    } finally {
      removeFile(store, partial);
    }
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return 'busy';
    tellUnwritable(store, error);
    return 'unwritable';
  }
}

/** Null: nobody. */
function readHolder(store: StoreFolder, path: string): Holder | null {
  try {
    const file = openSync(path, 'r');
    try {
      return { path, mtimeMs: fstatSync(file).mtimeMs, text: readFileSync(file, 'utf8') };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    return isMissing(error) ? null : removeDamaged(store, path, 'lock');
  }
}

async function isDead(store: StoreFolder, holder: Holder, signs: Signs): Promise<boolean> {
  const owner = parseOwner(holder.text.split(' ')[0] ?? '');
  const self = await store.self();
  // One of ours that is not kept fresh is one that could not be removed.
  if (owner !== null && ownerText(owner) === ownerText(self)) return isSilent(store, holder, signs);
  const found = await standing(owner, self, store.platform);
  return found === 'foreign' ? isSilent(store, holder, signs) : found === 'dead';
}

/** By the times of files where they can be right, else by how long nothing changed before our eyes. */
function isSilent(store: StoreFolder, { text, mtimeMs }: Holder, signs: Signs): boolean {
  const seen = signs.get(text);
  const since = seen?.mtimeMs === mtimeMs ? seen.since : performance.now();
  signs.set(text, { mtimeMs, since });
  return store.now() - mtimeMs > silenceMs || performance.now() - since > silenceMs;
}
