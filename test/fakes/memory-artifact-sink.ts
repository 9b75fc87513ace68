// An artifact sink without a platform, that answers something else when the test says so.
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { parentOf } from '../../engine/disk-tree.ts';
import type { ArtifactSink, PublishedArtifact, PublishReceipt } from '../../src/contract/artifact-sink.ts';
import { diskPath } from '../../src/model/path-bytes.ts';
import type { TreeEntry } from '../../src/model/tree.ts';

export interface MemoryArtifactSink extends ArtifactSink {
  /** By the name each was given. */
  readonly published: Map<string, readonly HeldEntry[]>;
  answer: (artifact: PublishedArtifact) => PublishReceipt | null;
  readonly download: (as: string, folder: string) => Promise<void>;
}

interface HeldEntry {
  readonly entry: TreeEntry;
  /** Of a file. */
  readonly content: Buffer;
}

export function memoryArtifactSink(): MemoryArtifactSink {
  const sink: MemoryArtifactSink = {
    name: 'the memory artifacts',
    published: new Map(),
    answer: () => null,
    publish(artifact, signal) {
      const told = signal.aborted
        ? ({ kind: 'outage', message: 'cancelled' } as const)
        : sink.answer(artifact);
      if (told !== null) return Promise.resolve(told);
      const as = `${artifact.job}.${artifact.name}`;
      try {
        sink.published.set(
          as,
          artifact.entries.map((entry) => hold(artifact.folder, entry)),
        );
        return Promise.resolve({ kind: 'published', as });
      } catch (error) {
        return Promise.resolve({ kind: 'refused', message: String(error) });
      }
    },
    download(as, folder) {
      for (const { entry, content } of sink.published.get(as) ?? []) {
        const path = diskPath(folder, entry.path);
        mkdirSync(diskPath(folder, entry.type === 'folder' ? entry.path : parentOf(entry.path)), {
          recursive: true,
        });
        if (entry.type === 'link') symlinkSync(entry.target, path);
        if (entry.type !== 'file') continue;
        writeFileSync(path, content);
        chmodSync(path, entry.executable ? 0o755 : 0o644);
      }
      return Promise.resolve();
    },
  };
  return sink;
}

const hold = (folder: string, entry: TreeEntry): HeldEntry => ({
  entry,
  content: entry.type === 'file' ? readFileSync(diskPath(folder, entry.path)) : Buffer.alloc(0),
});
