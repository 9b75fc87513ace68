// What a scripted engine keeps from sandbox to sandbox: snapshots and cache volumes, as maps of files.
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { extract, pack } from 'tar-stream';
import type {
  CacheMount,
  CacheVolumes,
  SandboxSpec,
  Snapshot,
  SnapshotInfo,
  Snapshots,
} from '../../src/contract/sandbox.ts';
import { type Outcome, fail, ok } from '../../src/model/failure.ts';

/** Path → content. */
export type ScriptedFiles = Map<string, string>;

interface Kept {
  readonly store: string;
  readonly image: string;
  readonly files: ReadonlyMap<string, string>;
  readonly created: number;
  readonly maker: SnapshotInfo['maker'];
}

interface Volume {
  readonly mount: CacheMount;
  readonly files: ScriptedFiles;
  readonly created: number;
}

export interface ScriptedStore {
  readonly snapshots: Map<string, Kept>;
  readonly volumes: Map<string, Volume>;
}

export const scriptedStore = (): ScriptedStore => ({ snapshots: new Map(), volumes: new Map() });

export function keepSnapshot(
  { snapshots }: ScriptedStore,
  kept: Pick<Kept, 'store' | 'image' | 'files'>,
): Snapshot {
  const id = `sha256:${createHash('sha256').update(crypto.randomUUID()).digest('hex')}`;
  snapshots.set(id, { ...kept, files: new Map(kept.files), created: Date.now(), maker: 'alive' });
  return { id, bytes: bytesOf(kept.files) };
}

/** Of all that it keeps now. */
export function setMakers({ snapshots }: ScriptedStore, maker: SnapshotInfo['maker']): void {
  for (const [id, kept] of snapshots) snapshots.set(id, { ...kept, maker });
}

/** Made where there is none. */
export function volumeOf({ volumes }: ScriptedStore, mount: CacheMount): ScriptedFiles {
  const known = volumes.get(mount.volume) ?? { mount, files: new Map(), created: Date.now() };
  volumes.set(mount.volume, known);
  return known.files;
}

const bytesOf = (files: ReadonlyMap<string, string>): number =>
  [...files.values()].reduce((sum, content) => sum + Buffer.byteLength(content), 0);

const later = <T>(value: T): Promise<Outcome<T>> => Promise.resolve(ok(value));

/** Of the path and all below it; null when nothing is there. */
export async function archiveOf(files: ReadonlyMap<string, string>, path: string): Promise<Readable | null> {
  const found = [...files].filter(([file]) => file === path || file.startsWith(`${path}/`));
  if (found.length === 0) return null;
  const tar = pack();
  const parent = path.slice(0, path.lastIndexOf('/') + 1);
  for (const [file, content] of found) tar.entry({ name: file.slice(parent.length) }, content);
  tar.finalize();
  return Readable.from(await Array.fromAsync(tar as AsyncIterable<Uint8Array>), { objectMode: false });
}

/** `inUse`: of the sandboxes that are open now. */
export function scriptedSnapshots(store: ScriptedStore, inUse: () => readonly SandboxSpec[]): Snapshots {
  const { snapshots } = store;
  return {
    has: (id) => later(snapshots.has(id)),
    list: (name) =>
      later(
        [...snapshots]
          .filter(([, kept]) => kept.store === name)
          .map(([id, { files, created, maker }]) => ({ id, bytes: bytesOf(files), created, maker }))
          .reverse(),
      ),
    remove: (id) => later(!inUse().some((spec) => spec.snapshot === id) && snapshots.delete(id)),
    read: (id) => {
      const kept = snapshots.get(id);
      if (kept === undefined)
        return Promise.resolve(fail('environment', 'snapshot-missing', `there is no snapshot ${id}`));
      return later({
        get: async (path) => ok(await archiveOf(kept.files, path)),
        close: () => Promise.resolve(),
      });
    },
    export: (id, image) => {
      const kept = snapshots.get(id);
      if (kept?.image !== image.id)
        return Promise.resolve(fail('environment', 'snapshot-unusable', 'it stands on another image'));
      const bundle = JSON.stringify({ image: kept.image, files: [...kept.files] });
      return later(Readable.from([Buffer.from(bundle)], { objectMode: false }));
    },
    import: async (bundle, image, name) => {
      const read = await text(Readable.from(bundle, { objectMode: false }));
      try {
        const { image: id, files } = JSON.parse(read) as { image: string; files: [string, string][] };
        if (id === image.id)
          return ok(keepSnapshot(store, { store: name, image: id, files: new Map(files) }));
      } catch {
        // As below.
      }
      return fail('environment', 'snapshot-unusable', 'damaged, or of another image');
    },
  };
}

export function scriptedCaches(store: ScriptedStore, inUse: () => readonly SandboxSpec[]): CacheVolumes {
  const { volumes } = store;
  return {
    list: (name) =>
      later(
        [...volumes]
          .filter(([, { mount }]) => mount.store === name)
          .map(([volume, { mount, files, created }]) => ({
            volume,
            cache: mount.cache,
            created,
            bytes: bytesOf(files),
          })),
      ),
    has: (volume) => later(volumes.has(volume) ? 'whole' : 'none'),
    remove: (volume) => {
      const used = inUse().some(({ caches }) => caches.some((cache) => cache.volume === volume));
      return later(!used && volumes.delete(volume));
    },
    read: async (volume) => {
      const known = volumes.get(volume);
      if (known === undefined) return ok(null);
      const tar = pack();
      tar.entry({ name: './', type: 'directory' });
      for (const [path, content] of known.files) tar.entry({ name: `./${path}` }, content);
      tar.finalize();
      return ok(
        Readable.from(await Array.fromAsync(tar as AsyncIterable<Uint8Array>), { objectMode: false }),
      );
    },
    fill: async (cache, _image, tar) => {
      const entries = extract();
      Readable.from(tar).pipe(entries);
      const files = volumeOf(store, cache);
      for await (const entry of entries) {
        const content = await text(entry);
        if (entry.header.type === 'file') files.set(entry.header.name.replace(/^\.\//, ''), content);
      }
      return ok(undefined);
    },
  };
}
