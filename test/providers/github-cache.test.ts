// GitHub's cache client against a fake of its service that fails in every way it can.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { githubCache } from '../../providers/github/cache.ts';
import type { CacheAnswer, CacheReceipt, CacheRequest, CacheStore } from '../../src/contract/cache-store.ts';
import type { Environment } from '../../src/contract/provider.ts';
import { resultsService, type Fault, type ResultsService } from '../fakes/results-service.ts';

type Version = 'v1' | 'v2';

interface Place {
  readonly service: ResultsService;
  readonly store: CacheStore;
  /** The runner's temporary folder. */
  readonly temp: string;
  readonly put: (key: string, content: string | Buffer) => Promise<CacheReceipt>;
  readonly get: (
    request: CacheRequest,
    heard?: () => void,
  ) => Promise<CacheAnswer & { readonly content?: string }>;
}

interface Setting {
  readonly version?: Version;
  readonly silentMs?: number;
  readonly environment?: Environment;
  readonly blobHost?: string;
}

const cleanUp: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const clean of cleanUp) await clean();
});

async function placeOf({ version = 'v2', silentMs, environment, blobHost }: Setting = {}): Promise<Place> {
  const service = await resultsService(blobHost === undefined ? {} : { blobHost });
  const parent = mkdtempSync(join(tmpdir(), 'lockstep-github-'));
  const temp = join(parent, 'temp');
  mkdirSync(temp);
  cleanUp.push(async () => {
    await service.close();
    rmSync(parent, { recursive: true });
  });
  const store = await githubCache(
    { PATH: process.env.PATH, ...service.environment(version), RUNNER_TEMP: temp, ...environment },
    silentMs === undefined ? {} : { silentMs },
  );
  let files = 0;
  const noTrace = <T extends CacheAnswer | CacheReceipt>(answer: T): T => {
    expect(readdirSync(temp)).toEqual([]);
    const text = JSON.stringify(answer);
    expect(text).not.toContain(service.token);
    expect(text).not.toMatch(/sig=/);
    return answer;
  };
  return {
    service,
    store,
    temp,
    async put(key, content) {
      const file = join(parent, `in-${(files += 1)}`);
      writeFileSync(file, content);
      return noTrace(await store.put(key, file));
    },
    async get(request, heard) {
      const into = join(parent, `out-${(files += 1)}`);
      const answer = noTrace(await store.get(request, into, heard));
      return answer.kind === 'hit' ? { ...answer, content: readFileSync(into, 'latin1') } : answer;
    },
  };
}

/** The fault at the first so many requests of the name. */
function faultAt(name: string, fault: Fault, times = Infinity): ResultsService['fault'] {
  let left = times;
  return (request) => (request === name && (left -= 1) >= 0 ? fault : null);
}

for (const version of ['v1', 'v2'] as const) {
  describe(`GitHub's cache ${version}`, () => {
    let place: Place;
    beforeAll(async () => {
      place = await placeOf({ version });
    });
    beforeEach(() => {
      const { service } = place;
      service.fault = () => null;
      service.readOnly = false;
      service.entries.length = 0;
    });

    const lookups: Readonly<Record<string, Fault>> = {
      '429': { status: 429, message: 'too many requests' },
      '401': { status: 401 },
    };
    for (const [name, fault] of Object.entries(lookups)) {
      it(`takes ${name} for an outage`, async () => {
        place.service.fault = faultAt('GetCacheEntryDownloadURL', fault);
        expect(await place.get({ key: 'a' })).toMatchObject({ kind: 'outage' });
        expect((await place.store.look({ key: 'a' })).kind).toBe('outage');
      });
    }

    it('misses where the token may not read', async () => {
      const message = 'cache read denied: no scopes';
      place.service.fault = faultAt('GetCacheEntryDownloadURL', { status: 403, message });
      expect(await place.get({ key: 'a' })).toEqual({ kind: 'miss' });
    });

    it('never takes a key for the beginning of another', async () => {
      await place.put('job/10', 'ten');
      expect(await place.get({ key: 'job/1' })).toEqual({ kind: 'miss' });
      expect(await place.store.look({ key: 'job/1' })).toEqual({ kind: 'miss' });
      expect(await place.get({ key: 'job/1', prefixes: ['job/'] })).toMatchObject({ key: 'job/10' });
    });

    it('misses what was evicted, and what nobody asks for', async () => {
      await place.put('a', 'one');
      place.service.entries.length = 0;
      expect(await place.get({ key: 'a', prefixes: ['a'] })).toEqual({ kind: 'miss' });
      expect(await place.get({})).toEqual({ kind: 'miss' });
    });

    it('finds the newest of 10,000', async () => {
      const { service } = place;
      await place.put('job/last', 'newest');
      const [last] = service.entries.splice(0);
      if (last === undefined) throw new Error('nothing was stored');
      for (let at = 0; at < 10_000; at += 1) service.entries.push({ ...last, key: `job/${at}~` });
      service.entries.push(last);
      expect(await place.get({ prefixes: ['job/'] })).toMatchObject({ key: 'job/last', content: 'newest' });
    });

    const damages: Readonly<Record<string, Fault>> = {
      cut: 'cut',
      garbage: 'garbage',
      gone: { status: 404 },
    };
    for (const [name, fault] of Object.entries(damages)) {
      it(`misses what is ${name} on the way`, async () => {
        await place.put('a', 'one'.repeat(1000));
        place.service.fault = faultAt('download', fault);
        const answer = await place.get({ key: 'a' });
        expect(answer).toMatchObject({ kind: 'miss', damaged: expect.any(String) as string });
      });
    }

    it('waits for what is slow and alive', async () => {
      await place.put('a', 'one');
      place.service.fault = faultAt('download', { pauseMs: 1500 });
      let heard = 0;
      const answer = await place.get({ key: 'a' }, () => (heard += 1));
      expect(answer).toMatchObject({ kind: 'hit', content: 'one' });
      expect(heard).toBeGreaterThan(0);
    });

    it('misses an entry with the content of another', async () => {
      await place.put('a', 'one');
      await place.put('b', 'two');
      const { entries, contents } = place.service;
      contents.set(entries[0]?.blob ?? '', contents.get(entries[1]?.blob ?? '') ?? Buffer.alloc(0));
      const damaged = 'an entry of the cache of GitHub Actions is damaged: a';
      expect(await place.get({ key: 'a' })).toEqual({ kind: 'miss', damaged });
    });

    it('gives one entry to many at once', async () => {
      await place.put('job/1', 'one');
      const into = mkdtempSync(join(tmpdir(), 'lockstep-many-'));
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, at) =>
          place.store.get({ key: `job/${at + 2}`, prefixes: ['job/'] }, join(into, String(at))),
        ),
      );
      expect(answers).toEqual(answers.map(() => ({ kind: 'hit', key: 'job/1' })));
      for (const name of readdirSync(into)) expect(readFileSync(join(into, name), 'utf8')).toBe('one');
      expect(readdirSync(into)).toHaveLength(12);
      rmSync(into, { recursive: true });
    });

    it('declines where the token may not write', async () => {
      place.service.readOnly = true;
      expect(await place.put('a', 'one')).toEqual({ kind: 'declined', because: 'this run may only read' });
    });

    const refusals: readonly (readonly [string, Fault])[] = [
      ['CreateCacheEntry', { status: 429, message: 'slow down' }],
      ['CreateCacheEntry', { status: 403, message: 'go away' }],
      ['upload', { status: 403 }],
      ['FinalizeCacheEntryUpload', { status: 400 }],
    ];
    for (const [request, fault] of refusals) {
      it(`takes ${JSON.stringify(fault)} of ${request} for an outage`, async () => {
        place.service.fault = faultAt(request, fault);
        expect(await place.put('a', 'one')).toMatchObject({ kind: 'outage' });
        place.service.fault = () => null;
        expect(await place.get({ key: 'a' })).toEqual({ kind: 'miss' });
      });
    }
  });

  // Waits of seconds, which the clients have in them.
  describe.concurrent(`GitHub's cache ${version}, in time`, () => {
    it('tries again after one 503', async () => {
      const { service, put, get } = await placeOf({ version });
      await put('a', 'one');
      service.fault = faultAt('GetCacheEntryDownloadURL', { status: 503 }, 1);
      expect(await get({ key: 'a' })).toEqual({ kind: 'hit', key: 'a', content: 'one' });
    });

    for (const fault of [{ status: 503 }, 'garbage', 'reset'] as const) {
      it(`gives up after some ${JSON.stringify(fault)}`, async () => {
        const { service, get } = await placeOf({ version });
        service.fault = faultAt('GetCacheEntryDownloadURL', fault);
        expect(await get({ key: 'a' })).toMatchObject({ kind: 'outage' });
        expect(service.requests.length).toBeLessThanOrEqual(3);
      });
    }

    it('takes silence for an outage', async () => {
      const { service, store, get, put } = await placeOf({ version, silentMs: 8000 });
      await store.look({ key: 'a' });
      service.fault = faultAt('GetCacheEntryDownloadURL', 'silent');
      const message = 'the cache of GitHub Actions gave no sign of life for 8s';
      expect(await get({ key: 'a' })).toEqual({ kind: 'outage', message });
      service.fault = faultAt('CreateCacheEntry', 'silent');
      expect(await put('a', 'one')).toEqual({ kind: 'outage', message });
      service.fault = () => null;
      expect(await put('a', 'one')).toEqual({ kind: 'stored' });
    });

    it('takes a service that is gone for an outage', async () => {
      const { service, get, put } = await placeOf({ version });
      await service.close();
      expect((await get({ key: 'a' })).kind).toBe('outage');
      expect((await put('a', 'one')).kind).toBe('outage');
    });

    it('takes a storage that fails for an outage', async () => {
      const { service, put, get } = await placeOf({ version });
      await put('a', 'one');
      service.fault = faultAt('download', { status: 503 });
      expect((await get({ key: 'a' })).kind).toBe('outage');
    });
  });
}

describe.concurrent("GitHub's cache, whatever its version", () => {
  it('declines in a cache-mode that permits no writes, and reads', async () => {
    const { service, put, get } = await placeOf({ environment: { ACTIONS_CACHE_MODE: 'read' } });
    expect((await put('a', 'one')).kind).toBe('declined');
    expect(service.requests).toEqual([]);
    expect(await get({ key: 'a' })).toEqual({ kind: 'miss' });
  });

  it('misses an entry that someone else wrote', async () => {
    const { service, put, get } = await placeOf();
    await put('a', 'one');
    const foreign: Readonly<Record<string, (entry: string) => void>> = {
      link: (entry) => {
        symlinkSync('/etc/hostname', join(entry, 'content'));
        writeFileSync(join(entry, 'seal'), '{}');
      },
      'no seal': (entry) => writeFileSync(join(entry, 'content'), 'one'),
      'a large seal': (entry) => {
        writeFileSync(join(entry, 'content'), 'one');
        writeFileSync(join(entry, 'seal'), 'x'.repeat(100_000));
      },
      nothing: () => undefined,
    };
    for (const [name, write] of Object.entries(foreign)) {
      service.contents.set(service.entries[0]?.blob ?? '', tarOf(write));
      expect([name, (await get({ key: 'a' })).kind]).toEqual([name, 'miss']);
    }
  });

  it('goes through the storage client where the storage is Azure', async () => {
    const { service, put, get } = await placeOf({ blobHost: 'http://some.blob.core.windows.net' });
    const content = Buffer.alloc(9_000_000, 'lockstep ');
    expect(await put('a', content)).toEqual({ kind: 'stored' });
    expect(await get({ key: 'a' })).toEqual({ kind: 'hit', key: 'a', content: content.toString() });
    service.contents.clear();
    expect(await get({ key: 'a' })).toMatchObject({ kind: 'miss', damaged: expect.any(String) as string });
  });

  it('does without a folder that its client cannot name', async () => {
    const { service, put, get } = await placeOf({ environment: { RUNNER_TEMP: '/two words' } });
    expect(await put('a', 'one')).toEqual({ kind: 'stored' });
    expect(await get({ key: 'a' })).toEqual({ kind: 'hit', key: 'a', content: 'one' });
    expect(service.entries).toHaveLength(1);
  });

  it('leaves nothing where the file should be when it cannot be put there', async () => {
    const { store, put, temp } = await placeOf();
    await put('a', 'one');
    const into = join(temp, 'no', 'such', 'folder');
    expect(await store.get({ key: 'a' }, into)).toMatchObject({ kind: 'outage' });
    expect(readdirSync(temp)).toEqual([]);
  });

  it('says what is wrong with its folder', async () => {
    const { store, temp } = await placeOf();
    rmSync(temp, { recursive: true });
    expect(await store.look({ key: 'a' })).toMatchObject({ kind: 'outage' });
    expect(await store.put('a', temp)).toMatchObject({ kind: 'outage' });
  });

  it('prints nothing, and keeps no process from its end', async () => {
    const { service, temp } = await placeOf();
    service.fault = faultAt('CreateCacheEntry', 'silent');
    const script = `
      const { githubCache } = await import(${JSON.stringify(new URL('../../providers/github/cache.ts', import.meta.url))});
      const store = await githubCache(process.env, { silentMs: 8000 });
      const answers = [await store.look({ key: 'a' }), await store.put('a', process.execPath)];
      process.stderr.write(answers.map(({ kind }) => kind).join());
    `;
    const env = {
      PATH: process.env.PATH,
      ...service.environment('v2'),
      RUNNER_TEMP: temp,
      RUNNER_DEBUG: '1',
    };
    const child = await runNode(script, env);
    expect(child).toEqual({ code: 0, stdout: '', stderr: 'miss,outage' });
    expect(readdirSync(temp)).toEqual([]);
  });
});

/** An entry as the client packs it, of what `write` leaves in its folder. */
function tarOf(write: (entry: string) => void): Buffer {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-tar-'));
  try {
    mkdirSync(join(folder, 'lockstep-entry'));
    write(join(folder, 'lockstep-entry'));
    const zstd = spawnSync('zstd', ['--version']).status === 0;
    const options = [
      '--use-compress-program',
      zstd ? 'zstd' : 'gzip',
      '-cf',
      '-',
      '-C',
      folder,
      'lockstep-entry',
    ];
    return execFileSync('tar', options);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function runNode(script: string, env: Environment) {
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { env: { ...env } });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<[number]>,
  ]);
  return { code, stdout, stderr };
}
