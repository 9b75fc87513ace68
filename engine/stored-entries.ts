// A tree in a record store → its entries, without writing one of its files.
import { createHash } from 'node:crypto';
import type { RecordStore } from '../src/contract/record-store.ts';
import type { RecordedTree } from '../src/model/record.ts';
import { sortTree, treeDigest, type TreeEntry } from '../src/model/tree.ts';
import { parentOf } from './disk-tree.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

/** Null: it is gone, or is not what was stored. */
export async function readStoredEntries(
  store: RecordStore,
  tree: RecordedTree,
): Promise<readonly TreeEntry[] | null> {
  if (tree.tar === undefined) return tree.digest === treeDigest([]) ? [] : null;
  const blob = await store.blob(tree.tar);
  if (blob === null) return null;
  const contents: TreeEntry[] = [];
  const folders: string[] = [];
  for await (const item of readTar(blob.chunks)) {
    if (item.type === 'broken') return null;
    // The first name is the tar's one folder.
    const path = item.name.replace(/\/$/, '').split('/').slice(1).join('/');
    if (item.type === 'folder') folders.push(path);
    else if (item.type === 'link') contents.push({ type: 'link', path, target: item.target });
    else contents.push({ type: 'file', path, ...(await fileOf(item)) });
  }
  const filled = new Set(['', ...[...contents.map(({ path }) => path), ...folders].map(parentOf)]);
  const empty = folders
    .filter((path) => !filled.has(path))
    .map((path) => ({ type: 'folder', path }) as const);
  const entries = sortTree([...contents, ...empty]);
  return treeDigest(entries) === tree.digest ? entries : null;
}

async function fileOf({
  executable,
  size,
  content,
}: TarEntry): Promise<{ executable: boolean; size: number; digest: string }> {
  const hash = createHash('sha256');
  for await (const chunk of content) hash.update(chunk);
  return { executable, size, digest: `sha256:${hash.digest('hex')}` };
}
