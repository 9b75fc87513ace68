// The files that a step was the first to see ↔ a blob of lines, so that a later run can say which of them changed.
import { createHash } from 'node:crypto';
import type { RecordStore } from '../src/contract/record-store.ts';
import { encodePath } from '../src/model/path-bytes.ts';
import type { Digest } from '../src/model/record.ts';
import type { TreeEntry } from '../src/model/tree.ts';

/** Mode as git writes it; a link's digest is that of its target, a folder has none. */
export interface FileLine {
  readonly path: string;
  readonly mode: '100644' | '100755' | '120000' | '040000';
  readonly digest: string;
}

export function fileLine(entry: TreeEntry): FileLine {
  switch (entry.type) {
    case 'file':
      return { path: entry.path, mode: entry.executable ? '100755' : '100644', digest: entry.digest };
    case 'link': {
      const digest = createHash('sha256').update(encodePath(entry.target)).digest('hex');
      return { path: entry.path, mode: '120000', digest: `sha256:${digest}` };
    }
    case 'folder':
      return { path: entry.path, mode: '040000', digest: '' };
  }
}

const linesAtOnce = 1000;

export async function storeFileList(
  store: RecordStore,
  files: readonly TreeEntry[],
): Promise<{ files?: Digest }> {
  if (files.length === 0) return {};
  const blob = store.openBlob();
  for (let at = 0; at < files.length; at += linesAtOnce) {
    const lines = files.slice(at, at + linesAtOnce).map((entry) => `${JSON.stringify(fileLine(entry))}\n`);
    await blob.write(Buffer.from(lines.join('')));
  }
  const digest = await blob.finish();
  return digest === null ? {} : { files: digest };
}

/** Null: it is gone, or damaged. */
export async function readFileList(store: RecordStore, digest: Digest): Promise<FileLine[] | null> {
  const blob = await store.blob(digest);
  if (blob === null) return null;
  const chunks: Uint8Array[] = [];
  for await (const chunk of blob.chunks) chunks.push(chunk);
  if (!blob.verified()) return null;
  const lines = Buffer.concat(chunks).toString('utf8').split('\n').slice(0, -1);
  return lines.map((line) => JSON.parse(line) as FileLine);
}
