// Runs the cache store contract for the folder, the breaker in front of it, GitHub's cache and GitLab's packages on fakes of their
// services, and the fake. Needs no engine.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { breaker } from '../../engine/cache/breaker.ts';
import { folderCacheStore } from '../../engine/cache/folder-cache-store.ts';
import { githubCache } from '../../providers/github/cache.ts';
import { gitlabPackages } from '../../providers/gitlab/packages.ts';
import { newRecordKeys } from '../../providers/gitlab/record-keys.ts';
import type { CacheStore } from '../../src/contract/cache-store.ts';
import { gitlabServer } from '../fakes/gitlab-server.ts';
import { memoryCacheStore } from '../fakes/memory-cache-store.ts';
import { resultsService } from '../fakes/results-service.ts';
import { cacheStoreContract, type CacheStoreUnderTest } from './cache-store.ts';

const inFolder = (wrap: (store: CacheStore) => CacheStore) => (): CacheStoreUnderTest => {
  const parent = mkdtempSync(join(tmpdir(), 'lockstep-cache-'));
  let ticks = 0;
  return {
    // A clock that never stands still: the order of two puts is theirs.
    open: () => wrap(folderCacheStore({ folder: join(parent, 'not/there/yet'), now: () => (ticks += 1) })),
    remove: () => rmSync(parent, { recursive: true }),
  };
};

cacheStoreContract(
  'a folder',
  inFolder((store) => store),
);

cacheStoreContract(
  'a breaker before a folder',
  inFolder((store) => breaker(store, { onOutage: () => undefined })),
);

cacheStoreContract('in memory', () => {
  const store = memoryCacheStore();
  return { open: () => store, remove: () => undefined };
});

for (const version of ['v1', 'v2'] as const) {
  cacheStoreContract(`GitHub's cache ${version}`, async () => {
    const service = await resultsService();
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-github-'));
    return {
      open: () => githubCache({ ...process.env, ...service.environment(version), RUNNER_TEMP: folder }),
      async remove() {
        await service.close();
        rmSync(folder, { recursive: true });
      },
    };
  });
}

for (const direct of [false, true]) {
  cacheStoreContract(`GitLab's packages${direct ? ', files from an object storage' : ''}`, async () => {
    const server = await gitlabServer();
    server.direct = direct;
    const keys = newRecordKeys();
    return {
      open: () => gitlabPackages({ ...server.job(), ...keys, CI_COMMIT_REF_PROTECTED: 'true' }),
      remove: () => server.close(),
    };
  });
}
