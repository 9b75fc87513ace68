// A tree of files in a run folder ↔ a blob of a record store.
import type { RecordStore } from '../src/contract/record-store.ts';
import { ok } from '../src/model/failure.ts';
import type { Digest, RecordedTree } from '../src/model/record.ts';
import { treeDigest, type TreeEntry } from '../src/model/tree.ts';
import { collectTree } from './archive.ts';
import { packTar } from './tar-writer.ts';

/** The tar's one folder: readers take the first name of every path away. */
const top = 'tree';

/** Null: no room for it, or a file is not what its entry says any more. */
export async function storeTree(
  store: RecordStore,
  name: string,
  folder: string,
  entries: readonly TreeEntry[],
): Promise<RecordedTree | null> {
  const digest = treeDigest(entries);
  if (entries.length === 0) return { name, digest };
  const blob = store.openBlob();
  const items = entries.map((entry) => ({ entry, root: folder }));
  const packed = packTar(items, { owner: { uid: 0, gid: 0 }, prefix: top });
  for await (const chunk of packed.chunks) await blob.write(chunk);
  if (packed.failure() !== undefined) {
    await blob.discard();
    return null;
  }
  const tar = await blob.finish();
  return tar === null ? null : { name, digest, tar };
}

/** The entries, in the folder `into` that they were put in. Null: it is not what was stored, or cannot be written. */
export async function restoreTree(
  store: RecordStore,
  tree: RecordedTree,
  into: string,
): Promise<readonly TreeEntry[] | null> {
  if (tree.tar === undefined) return tree.digest === treeDigest([]) ? [] : null;
  const blob = await store.blob(tree.tar);
  if (blob === null) return null;
  const entries = await collectTree({
    prefixes: [''],
    get: () => Promise.resolve(ok(blob.chunks)),
    select: () => true,
    into,
  });
  return entries.ok && treeDigest(entries.value) === tree.digest ? entries.value : null;
}

/** Whether the blob is there and whole; reads it once. */
export async function verifies(store: RecordStore, digest: Digest): Promise<boolean> {
  const blob = await store.blob(digest);
  if (blob === null) return false;
  const chunks = blob.chunks[Symbol.asyncIterator]();
  while ((await chunks.next()).done !== true);
  return blob.verified();
}
