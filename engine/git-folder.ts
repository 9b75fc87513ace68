// A checkout's `.git` → the credentials that its config holds, and its files as they may travel into a sandbox: without any.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import { diskPath } from '../src/model/path-bytes.ts';
import { withoutCredentials, type Credential } from '../src/model/url-credentials.ts';
import { treeOfFolder } from './archive.ts';
import { digestOf } from './disk-tree.ts';
import { configCredentials, withoutConfigCredentials } from './git-config.ts';
import type { PackItem } from './tar-writer.ts';

/**
 * To be masked, for the checkout at `root`, its submodules, and the repository that a linked worktree belongs to. None
 * where nothing can be read. A few reads of small files.
 */
export function gitCredentials(root: string): Credential[] {
  const start = join(root, '.git');
  const pointer = /^gitdir: (.+)/.exec(readText(start) ?? '')?.[1];
  const own = pointer === undefined ? start : resolve(root, pointer);
  const common = readText(join(own, 'commondir'))?.trim();
  const folders = common === undefined ? [own] : [own, resolve(own, common)];
  return folders.flatMap((folder) =>
    [...configFiles(folder)].flatMap((file) =>
      configCredentials(readText(file) ?? '').map((value) => ({ name: relative(root, file), value })),
    ),
  );
}

function* configFiles(gitFolder: string): Generator<string> {
  yield join(gitFolder, 'config');
  yield join(gitFolder, 'config.worktree');
  yield* submoduleFiles(join(gitFolder, 'modules'));
}

/** A submodule's name may have slashes in it, and it may have submodules. */
function* submoduleFiles(folder: string): Generator<string> {
  for (const name of foldersIn(folder)) {
    const path = join(folder, name);
    yield* existsSync(join(path, 'config')) ? configFiles(path) : submoduleFiles(path);
  }
}

function foldersIn(folder: string): string[] {
  try {
    const all = readdirSync(folder, { withFileTypes: true });
    return all.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch {
    return [];
  }
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return null;
  }
}

/**
 * All of `.git`, for the workspace. No credential travels: a text file with one is replaced by its like without, whose
 * entry has the digest of what travels. Failure `git-folder` where `.git` is no folder.
 */
export async function gitItems(root: string): Promise<Outcome<PackItem[]>> {
  const tree = await treeOfFolder(join(root, '.git'));
  if (!tree.ok || tree.value.length === 0) {
    return fail(
      'environment',
      'git-folder',
      '`git: true` needs a `.git` folder in the source root, and there is none',
      {
        hint: 'run from a plain clone: in a linked worktree `.git` is a file that points elsewhere',
      },
    );
  }
  const items: PackItem[] = [];
  for (const [index, entry] of tree.value.entries()) {
    items.push(withoutSecrets({ entry: { ...entry, path: `.git/${entry.path}` }, root }));
    if (index % betweenPauses === 0) await setImmediate();
  }
  return ok(items);
}

const betweenPauses = 256;

/** `git pull URL` leaves the URL in the reflog as it was typed, `credential.helper` may keep its file here, and so on. */
function withoutSecrets(item: PackItem): PackItem {
  const { entry, root } = item;
  if (entry.type !== 'file' || isData(entry.path)) return item;
  const text = plainText(diskPath(root, entry.path));
  if (text === null) return item;
  const clean = isConfig(entry.path) ? withoutConfigCredentials(text) : withoutCredentials(text);
  if (clean === text) return item;
  const bytes = Buffer.from(clean, 'latin1');
  return { entry: { ...entry, size: bytes.length, digest: digestOf(bytes) }, root, bytes };
}

const isConfig = (path: string): boolean => /config[^/]*$/.test(path);

/** Objects, and names of commits: most of the files. A submodule's folder may be called like that as well. */
const isData = (path: string): boolean =>
  /\/(?:objects|refs)\//.test(path) && !/\/logs\/|HEAD$/.test(path) && !isConfig(path);

/** One character a byte. Null for what is no text, or cannot be read: the packing says so. */
function plainText(file: string | Buffer): string | null {
  try {
    const bytes = readFileSync(file);
    return bytes.includes(0) ? null : bytes.toString('latin1');
  } catch {
    return null;
  }
}
