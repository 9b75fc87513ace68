// What a sandbox gives of its workspace (tar streams) → a folder on disk and its entries. Nothing in it is trusted.
import { mkdirSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { fail, ok, type Failure, type Outcome } from '../src/model/failure.ts';
import { sortTree, type TreeEntry } from '../src/model/tree.ts';
import { errorCode, joinPath, listFolder, readEntries } from './disk-tree.ts';
import { leavesTree } from './link-target.ts';
import { partialOf } from './partial-folder.ts';
import { readTar, type TarItem } from './tar-reader.ts';
import { TreeFolder } from './tree-folder.ts';

/** Bytes of a tar, as a Readable gives them. */
export type TarStream = AsyncIterable<Uint8Array>;

export interface CollectRequest {
  /** Of the workspace, see `staticPrefixes`; '' is all of it. */
  readonly prefixes: readonly string[];
  /** The path (relative to the workspace) and all below it, names as `docker cp` gives them; null: nothing is there. */
  readonly get: (path: string) => Promise<Outcome<TarStream | null>>;
  readonly select: (path: string) => boolean;
  /** The folder to be made. What lies there is removed first. */
  readonly into: string;
  /** Looks at what was taken, in the folder where it lies before it appears at `into`. With a failure nothing appears. */
  readonly check?: (folder: string, entries: readonly TreeEntry[]) => Promise<Failure | null>;
}

/**
 * What `select` takes of files, links and empty folders, in the order of their paths; nothing taken leaves no folder.
 * `get` is called for one path at a time, its stream read to the end. `into` appears whole or not at all.
 * Failures: those of `get` and `check`; `artifact-unsafe` (`pipeline`): a name or link that leads out of the workspace, a device, pipe
 * or socket; `archive-broken`, `disk-full`, `artifact-unwritable` (`environment`).
 */
export async function collectTree(request: CollectRequest): Promise<Outcome<TreeEntry[]>> {
  const { into } = request;
  const partial = await partialOf(into);
  try {
    rmSync(into, { recursive: true, force: true });
    mkdirSync(dirname(into), { recursive: true });
    mkdirSync(partial);
    const tree = new TreeFolder(partial);
    const filled = await fill(tree, request);
    if (!filled.ok) return filled;
    const entries = sortTree(tree.entries());
    const escape = findEscape(entries);
    if (escape !== undefined)
      return unsafe(`the link '${escape.path}' leads out of the workspace: ${escape.target}`);
    const refused = (await request.check?.(partial, entries)) ?? null;
    if (refused !== null) return { ok: false, failure: refused };
    if (entries.length > 0) renameSync(partial, into);
    return ok(entries);
  } catch (error) {
    return unwritable(into, error);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** The entries of a folder that `collectTree` made, hashed again. One that is not there is empty. Failures as `readEntries`. */
export async function treeOfFolder(folder: string): Promise<Outcome<TreeEntry[]>> {
  const listing = await listFolder(folder, '', () => false);
  if (!listing.ok) return listing;
  const entries = await readEntries(folder, listing.value.paths);
  if (!entries.ok) return entries;
  const folders = listing.value.emptyFolders.map((path) => ({ type: 'folder', path }) as const);
  return ok(sortTree([...entries.value, ...folders]));
}

async function fill(tree: TreeFolder, { prefixes, get, select }: CollectRequest): Promise<Outcome<void>> {
  /** Hard links to what was not selected: their content is fetched when all else is there. */
  const missing = new Map<string, string[]>();
  for (const prefix of prefixes) {
    const done = await eachItem(get, prefix, async (item) => {
      const path = workspacePath(item.name, prefix);
      if (path === null)
        return unsafe(`the archive holds a name that leads out of the workspace: '${item.name}'`);
      if (path === '' || !select(path)) return ok(undefined);
      if (item.type !== 'hard-link') return placed(await tree.place(path, item));
      const target = workspacePath(item.target, prefix);
      if (target === null) return unsafe(`'${path}' is a hard link out of the workspace: ${item.target}`);
      if (tree.has(target)) return placed(tree.copy(path, target));
      missing.set(target, [...(missing.get(target) ?? []), path]);
      return ok(undefined);
    });
    if (!done.ok) return done;
  }
  for (const [target, [first = '', ...others]] of missing) {
    const done = await eachItem(get, target, async (item) =>
      item.type === 'hard-link'
        ? brokenArchive(target, 'a hard link to itself')
        : placed(await tree.place(first, item)),
    );
    if (!done.ok) return done;
    if (!tree.has(first)) return brokenArchive(target, 'it is gone, with hard links to it left');
    for (const path of others) {
      const copied = placed(tree.copy(path, first));
      if (!copied.ok) return copied;
    }
  }
  return ok(undefined);
}

type Entry = Exclude<TarItem, { type: 'broken' }>;

async function eachItem(
  get: CollectRequest['get'],
  path: string,
  take: (item: Entry) => Promise<Outcome<void>>,
): Promise<Outcome<void>> {
  const stream = await get(path);
  if (!stream.ok) return stream;
  if (stream.value === null) return ok(undefined);
  const cut: { cause?: string } = {};
  for await (const item of readTar(untilError(stream.value, (error) => (cut.cause = String(error))))) {
    if (item.type === 'broken') return brokenArchive(path, item.message, cut.cause);
    const taken = await take(item);
    if (!taken.ok) return taken;
  }
  return ok(undefined);
}

/** A stream that fails is one that is cut short, so that what is thrown while it is unpacked is the disk's fault alone. */
async function* untilError(stream: TarStream, failed: (error: unknown) => void): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    failed(error);
  }
}

/** The archive's names begin with the name of what was asked for: in its place comes where that lies. Null: it climbs out. */
function workspacePath(name: string, prefix: string): string | null {
  const segments = name.split('/').filter((segment) => segment !== '' && segment !== '.');
  if (name.startsWith('/') || segments.includes('..')) return null;
  return segments.slice(1).reduce(joinPath, prefix);
}

function findEscape(entries: readonly TreeEntry[]): { path: string; target: string } | undefined {
  const links = entries.filter((entry) => entry.type === 'link');
  const targets = new Map(links.map(({ path, target }) => [path, target]));
  return links.find(({ path }) => leavesTree(path, (at) => targets.get(at)));
}

const placed = (problem: string | null): Outcome<void> =>
  problem === null ? ok(undefined) : unsafe(problem);

const unsafe = (message: string): Outcome<never> =>
  fail('pipeline', 'artifact-unsafe', message, {
    hint: 'an artifact holds files, folders, and links within the workspace that are relative; leave the rest out',
  });

const brokenArchive = (path: string, message: string, cause?: string): Outcome<never> =>
  fail(
    'environment',
    'archive-broken',
    `the archive of '${path || '.'}' from the container is broken: ${message}`,
    {
      hint: 'run again; if it stays, look at the log of the container engine',
      ...(cause !== undefined && { cause }),
    },
  );

function unwritable(into: string, error: unknown): Outcome<never> {
  const code = errorCode(error);
  if (code === '') throw error;
  const cause = String(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return fail('environment', 'disk-full', `no space left to write ${into}`, {
      hint: 'free some and run again',
      cause,
    });
  }
  return fail('environment', 'artifact-unwritable', `cannot write ${into}`, {
    hint:
      code === 'EEXIST' || code === 'EILSEQ'
        ? 'this file system takes names for the same, or does not take them at all, that differ in the container'
        : 'see the cause',
    cause,
  });
}
