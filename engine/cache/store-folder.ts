// The folder of a store → safe small acts in it: files that appear whole or not at all, touches, faults told once.
import { hash, randomBytes } from 'node:crypto';
import {
  linkSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { errorCode } from '../disk-tree.ts';
import { type Owner, ownerName, parseOwnerName } from '../owner.ts';
import { makeFolder } from '../make-folder.ts';

const shelves = ['records', 'blobs', 'chains', 'snapshots', 'locks', 'partial'] as const;
export type Shelf = (typeof shelves)[number];

const hourMs = 3600_000;

export interface StoreFolder {
  readonly path: string;
  readonly platform: NodeJS.Platform;
  readonly now: () => number;
  /** Who writes here; asked for when something is written. */
  readonly self: () => Promise<Owner>;
  /** Once per kind. */
  readonly tell: (kind: string, message: string) => void;
  /** Of a scope that is trusted more: nothing in it is changed, whatever is wrong with it. */
  readonly readOnly: boolean;
  /** Bytes that were put here by this process since they were last accounted for. */
  added: number;
}

export interface StoreFolderOptions extends Pick<StoreFolder, 'platform' | 'now' | 'self'> {
  readonly folder: string;
  readonly readOnly?: boolean;
  readonly onFault: (message: string) => void;
}

export function storeFolder({ folder, onFault, readOnly = false, ...rest }: StoreFolderOptions): StoreFolder {
  const told = new Set<string>();
  const tell = (kind: string, message: string): void => {
    if (told.has(kind)) return;
    told.add(kind);
    onFault(message);
  };
  return { ...rest, path: folder, readOnly, tell, added: 0 };
}

export const shelf = (store: StoreFolder, name: Shelf): string => join(store.path, name);

/** `name` is any text; the file is called after its digest. */
export const namedFile = (store: StoreFolder, name: Shelf, text: string): string =>
  join(store.path, name, hash('sha256', text));

/** Of `sha256:<hex>`. Null for any other text: that is never a part of a path. */
export function digestFile(store: StoreFolder, name: 'records' | 'blobs', digest: string): string | null {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  return hex === undefined ? null : join(store.path, name, hex);
}

/** `ENOTDIR`: the folder could never be made, which was told then. */
export const isMissing = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(errorCode(error));

export const tellUnwritable = (store: StoreFolder, error: unknown): void =>
  store.tell(
    `write ${errorCode(error)}`,
    `cannot write to the cache folder ${store.path}, nothing new is kept there: ${String(error)}`,
  );

export const tellUnreadable = (store: StoreFolder, error: unknown): void =>
  store.tell('read', `cannot read from the cache folder ${store.path}: ${String(error)}`);

/** What is at `path` is not what it should be: it goes, so that the next one can take its place. */
export function removeDamaged(store: StoreFolder, path: string, what: string): null {
  if (store.readOnly) {
    store.tell(`damaged ${what}`, `a damaged ${what} of another scope is not used: ${path}`);
    return null;
  }
  store.tell(`damaged ${what}`, `a damaged ${what} in the cache folder is not used, and removed: ${path}`);
  removeFile(store, path);
  return null;
}

/** A time in the future is a clock that jumped, and counts as now. */
export const usedAt = (store: StoreFolder, mtimeMs: number): number => Math.min(mtimeMs, store.now());

/** Tells that it was used now, at most once an hour. */
export function touch(store: StoreFolder, path: string, mtimeMs: number): void {
  const now = store.now();
  if (store.readOnly || Math.abs(now - mtimeMs) < hourMs) return;
  try {
    utimesSync(path, now / 1000, now / 1000);
  } catch {
    // Read-only, or gone meanwhile: a use that is not counted.
  }
}

export function makeFolders(store: StoreFolder): void {
  for (const name of shelves) makeFolder(shelf(store, name), 0o700);
}

/**
 * The store's random name. Where none can be kept, one that is made from the machine and the path: what an engine holds
 * under it is found again by the next process.
 */
export function readStoreId(store: StoreFolder): string {
  const path = join(store.path, 'store-id');
  const read = (): string | null => {
    try {
      const text = readFileSync(path, 'utf8').trim();
      return /^[0-9a-f]{32}$/.test(text) ? text : removeDamaged(store, path, 'store-id');
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return null;
      return errorCode(error) === 'EISDIR' ? removeDamaged(store, path, 'store-id') : null;
    }
  };
  const known = read();
  if (known !== null) return known;
  const fresh = randomBytes(16).toString('hex');
  const partial = join(shelf(store, 'partial'), `id.${fresh}`);
  try {
    makeFolders(store);
    writeFileSync(partial, `${fresh}\n`, { flag: 'wx' });
    try {
      linkSync(partial, path); // The first of many wins: a link does not replace.
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') renameSync(partial, path);
    }
    rmSync(partial, { force: true });
  } catch (error) {
    tellUnwritable(store, error);
  }
  const { hostname } = process.getBuiltinModule('node:os');
  return read() ?? hash('sha256', `${hostname()}\0${store.path}`).slice(0, fresh.length);
}

/** A file on its way. Either `place` or `drop` is called, once; after `place` gave false nothing is left. */
export interface PartialFile {
  readonly handle: FileHandle;
  /** Under its name, in place of what was there; false: declined, and told. */
  place(path: string): Promise<boolean>;
  drop(): Promise<void>;
}

/** Whose it is can be read from its name: what a dead process left can go. */
export async function partialPath(store: StoreFolder): Promise<string> {
  const owner = ownerName(await store.self());
  return join(shelf(store, 'partial'), `${owner}.${randomBytes(8).toString('hex')}`);
}

export const partialOwner = (name: string): Owner | null =>
  parseOwnerName(name.slice(0, name.lastIndexOf('.')));

/** Null: declined, and told. */
export async function openPartial(store: StoreFolder): Promise<PartialFile | null> {
  const path = await partialPath(store);
  try {
    const handle = await withFolders(store, () => open(path, 'wx', 0o600));
    const drop = async (): Promise<void> => {
      await handle.close().catch(() => undefined);
      await rm(path, { force: true }).catch(() => undefined);
    };
    return {
      handle,
      drop,
      async place(target) {
        try {
          await handle.sync();
          await handle.close();
          await withFolders(store, () => rename(path, target)).catch(async (error: unknown) => {
            if (!['EISDIR', 'ENOTEMPTY', 'EEXIST'].includes(errorCode(error))) throw error;
            removeDamaged(store, target, 'file');
            await rename(path, target);
          });
          return true;
        } catch (error) {
          tellUnwritable(store, error);
          await drop();
          return false;
        }
      },
    };
  } catch (error) {
    tellUnwritable(store, error);
    return null;
  }
}

/** The bytes as a file at `path`; false: declined, and told. */
export async function writeWhole(
  store: StoreFolder,
  path: string,
  bytes: Uint8Array | string,
): Promise<boolean> {
  const partial = await openPartial(store);
  if (partial === null) return false;
  try {
    await partial.handle.writeFile(bytes);
  } catch (error) {
    tellUnwritable(store, error);
    await partial.drop();
    return false;
  }
  if (!(await partial.place(path))) return false;
  store.added += bytes.length;
  return true;
}

/** Somebody may have removed the folder while we run. */
export async function withFolders<T>(store: StoreFolder, act: () => Promise<T> | T): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    makeFolders(store);
    return act();
  }
}

export function fileNames(store: StoreFolder, name: Shelf): string[] {
  try {
    return readdirSync(shelf(store, name));
  } catch (error) {
    if (!isMissing(error)) tellUnreadable(store, error);
    return [];
  }
}

function removeFolder(store: StoreFolder, path: string): boolean {
  try {
    rmSync(path, { recursive: true, force: true });
    return true;
  } catch (error) {
    tellUnwritable(store, error);
    return false;
  }
}

/** False: it is still there, and that was told. A folder where a file should be goes too. */
export function removeFile(store: StoreFolder, path: string): boolean {
  try {
    unlinkSync(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return true;
    if (!['EISDIR', 'EPERM'].includes(errorCode(error))) {
      tellUnwritable(store, error);
      return false;
    }
  }
  return removeFolder(store, path);
}
