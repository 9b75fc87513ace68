// Runs the record store contract for the folder and for the fake. Needs no engine.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectoryStore, readDirectoryStore } from '../../engine/cache/directory-store.ts';
import { layeredStore } from '../../engine/cache/layered-store.ts';
import { memoryStore } from '../fakes/memory-store.ts';
import { recordStoreContract } from './record-store.ts';

const { platform, pid } = process;
const place = { onFault: () => undefined, platform, pid };

recordStoreContract('a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-store-'));
  return {
    open: () => openDirectoryStore({ ...place, folder, maxBytes: 1e9 }),
    damage: (digest) => damageBlob(folder, digest),
    remove: () => rmSync(folder, { recursive: true }),
  };
});

recordStoreContract('a folder that reads another', () => {
  const base = mkdtempSync(join(tmpdir(), 'lockstep-store-'));
  const folder = join(base, 'own');
  const other = readDirectoryStore({ ...place, folder: join(base, 'other'), id: 'other' });
  return {
    open: () => layeredStore(openDirectoryStore({ ...place, folder, maxBytes: 1e9 }), [other]),
    damage: (digest) => damageBlob(folder, digest),
    remove: () => rmSync(base, { recursive: true }),
  };
});

recordStoreContract('in memory', () => {
  const store = memoryStore();
  return { open: () => store, damage: (digest) => store.damage(digest), remove: () => undefined };
});

function damageBlob(folder: string, digest: string): void {
  const path = join(folder, 'blobs', digest.slice('sha256:'.length));
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(7, bytes.length >> 1));
}
