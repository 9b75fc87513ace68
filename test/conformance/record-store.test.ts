// Runs the record store contract for the folder and for the fake. Needs no engine.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectoryStore } from '../../engine/cache/directory-store.ts';
import { memoryStore } from '../fakes/memory-store.ts';
import { recordStoreContract } from './record-store.ts';

recordStoreContract('a folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-store-'));
  return {
    open: () =>
      openDirectoryStore({
        folder,
        onFault: () => undefined,
        maxBytes: 1e9,
        platform: process.platform,
        pid: process.pid,
      }),
    damage(digest) {
      const path = join(folder, 'blobs', digest.slice('sha256:'.length));
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(7, bytes.length >> 1));
    },
    remove: () => rmSync(folder, { recursive: true }),
  };
});

recordStoreContract('in memory', () => {
  const store = memoryStore();
  return { open: () => store, damage: (digest) => store.damage(digest), remove: () => undefined };
});
