// With no engine to ask: an address at which none answers.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readCache } from '../../../src/compose/cache.ts';
import { noteCaches } from '../../../src/compose/cache-files.ts';
import { removeFromCache } from '../../../src/compose/cache-removal.ts';
import { recordFolder } from '../../../src/compose/cache-folder.ts';
import { openStore } from '../../../src/compose/reuse.ts';
import { noteScope } from '../../../src/compose/trust-scopes.ts';
import type { StepRecord } from '../../../src/model/record.ts';

const dayMs = 24 * 3600_000;
let home = '';
let folder = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'lockstep-cache-'));
  folder = join(home, 'lockstep', 'v1');
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

const options = (size = '1GiB') => {
  const environment = {
    XDG_CACHE_HOME: home,
    DOCKER_HOST: `unix://${home}/no.sock`,
    LOCKSTEP_CACHE_SIZE: size,
  };
  return { environment, runId: 'cache-test', calledFrom: home };
};
const age = (path: string, days: number): void => {
  const then = Date.now() / 1000 - days * 24 * 3600;
  utimesSync(join(folder, path), then, then);
};
const write = (path: string, days: number): void => {
  mkdirSync(join(folder, path, '..'), { recursive: true });
  writeFileSync(join(folder, path), 'x');
  age(path, days);
};
const keyOf = (text: string): string => `sha256:${hash('sha256', text)}`;

/** A step that is the second of the job `build`, with a long log. */
async function fill(trust?: { readonly scope: string; readonly reads: readonly string[] }): Promise<void> {
  const store = openStore(home, options().environment, () => undefined, trust);
  if (!store.ok) throw new Error(store.failure.message);
  const writer = store.value.openBlob();
  await writer.write(Buffer.from('log'));
  const blob = (await writer.finish()) ?? '';
  const record: StepRecord = {
    ...{ schema: 1, kind: 'step', key: keyOf('s'), at: 1, durationMs: 1, outputs: {}, summary: '' },
    ...{ log: { blob }, snapshot: { id: keyOf('image'), bytes: 7 } },
  };
  await store.value.putRecord(record);
  await store.value.putSnapshot({ id: keyOf('image'), bytes: 7 });
  const links = ['j', 'one', 's'].map((name) => ({ key: keyOf(name), parts: { of: 'step' as const } }));
  await store.value.putChain(JSON.stringify(['/web', 'lockstep.yml', 'build']), { at: 1, links });
}

test('a folder that is not there holds nothing, and is not made by who looks or removes', async () => {
  expect(await readCache(options())).toEqual({
    ok: true,
    value: { folder, engine: null, maxBytes: 2 ** 30, entries: [] },
  });
  expect(await removeFromCache(options(), 'all')).toMatchObject({ ok: true, value: { unreached: 0 } });
  expect(existsSync(folder)).toBe(false);
});

test('a size that is none, and an address that is none, are bad usage', async () => {
  expect(await readCache(options('much'))).toMatchObject({ ok: false, failure: { code: 'cache-size' } });
  await fill();
  expect(await readCache({ ...options(), engine: 'no address' })).toMatchObject({
    ok: false,
    failure: { kind: 'usage', code: 'no-engine' },
  });
});

test('each piece says what it belongs to, and without an engine why some are not there', async () => {
  await fill();
  write(`index/${hash('sha256', '/web')}`, 0);
  write(`index/${hash('sha256', '/other')}`, 0);
  write('parsed/abc', 3);
  const read = await readCache(options());
  if (!read.ok) throw new Error(read.failure.message);
  const { engine, entries } = read.value;
  expect(engine).toEqual({ away: expect.stringContaining('no container engine') as string });
  const step = { root: '/web', file: 'lockstep.yml', job: 'build', step: 2 };
  const belongings = entries.map(({ kind, belongsTo }) => [kind, belongsTo]);
  expect(belongings).toHaveLength(6);
  for (const kind of ['step', 'blob', 'snapshot']) expect(belongings).toContainEqual([kind, [step]]);
  expect(belongings).toContainEqual(['source index', [{ root: '/web' }]]);
  expect(belongings).toContainEqual(['source index', []]);
  expect(entries.at(-1)).toMatchObject({ kind: 'parsed file', id: 'abc', bytes: 1 });
});

test('what was not used goes, and drafts that nobody finished; what is in the engine waits for it', async () => {
  await fill();
  for (const [name, days] of [
    ['old', 31],
    ['new', 29],
    ['draft.tmp', 1],
    ['young.tmp', 0],
  ] as const)
    write(`index/${name}`, days);
  write('parsed/old', 31);
  age(`records/${hash('sha256', 's')}`, 31);
  age(`snapshots/${hash('sha256', keyOf('image'))}`, 31);
  const removed = await removeFromCache(options(), 30 * dayMs);
  expect(removed).toMatchObject({
    ok: true,
    value: {
      removed: { records: { count: 1 }, snapshots: { count: 0 }, indexes: { count: 3, bytes: 3 } },
      ...{ unreached: 1, inUse: [], faults: [] },
    },
  });
  expect(readdirSync(join(folder, 'index')).sort()).toEqual(['new', 'young.tmp']);
});

test('all goes but the name of the store and what is in the engine', async () => {
  await fill();
  write('index/new', 0);
  write('parsed/new', 0);
  const removed = await removeFromCache(options(), 'all');
  expect(removed).toMatchObject({
    ok: true,
    value: { removed: { records: { count: 2 }, indexes: { count: 2 } }, unreached: 1 },
  });
  for (const shelf of ['records', 'blobs', 'chains', 'index', 'parsed'])
    expect(readdirSync(join(folder, shelf))).toEqual([]);
  expect(existsSync(join(folder, 'store-id'))).toBe(true);
  const again = await readCache(options());
  expect(again.ok && again.value.entries.map(({ kind }) => kind)).toEqual(['snapshot']);
});

test('a cache directory is noted once and then touched; a folder that cannot be made is no fault', async () => {
  const mount = { cache: 'npm', volume: 'v', store: 's', path: '/cache' };
  noteCaches(folder, '/web', [mount]);
  age('caches/v', 31);
  noteCaches(folder, '/web', [mount]);
  await expect(removeFromCache(options(), 30 * dayMs)).resolves.toMatchObject({
    ok: true,
    value: { unreached: 0 },
  });
  writeFileSync(join(home, 'file'), '');
  noteCaches(join(home, 'file'), '/web', [mount]);
});

describe('scopes of trust', () => {
  const [main, pull] = ['o/r refs/heads/main', 'o/r refs/pull/5/merge'];
  const scopeFolder = (scope: string): string => recordFolder(home, options().environment, scope);
  async function fillScope(scope: string, reads: readonly string[], days: number): Promise<void> {
    noteScope(scopeFolder(scope), { scope, reads, writes: true });
    const then = Date.now() / 1000 - days * 24 * 3600;
    utimesSync(join(scopeFolder(scope), 'scope'), then, then);
    await fill({ scope, reads });
    for (const shelf of ['records', 'blobs', 'chains'])
      for (const file of readdirSync(join(scopeFolder(scope), shelf)))
        utimesSync(join(scopeFolder(scope), shelf, file), then, then);
    rmSync(join(scopeFolder(scope), 'snapshots'), { recursive: true });
  }

  test('what each keeps says whose it is; nothing of another is shown with it', async () => {
    await fill();
    await fillScope(main, [], 0);
    await fillScope(pull, [main], 0);
    const read = await readCache(options());
    if (!read.ok) throw new Error(read.failure.message);
    const places = read.value.entries.map(({ kind, scope }) => `${kind} of ${scope ?? 'the machine'}`).sort();
    expect(places).toEqual([
      ...[`blob of ${main}`, `blob of ${pull}`, 'blob of the machine'],
      ...['snapshot of the machine', `step of ${main}`, `step of ${pull}`, 'step of the machine'],
    ]);
  });

  test('what was not used goes in all of them; a folder waits for the engine, which may hold more', async () => {
    await fillScope(main, [], 31);
    await fillScope(pull, [main], 0);
    const removed = await removeFromCache(options(), 30 * dayMs);
    expect(removed).toMatchObject({ ok: true, value: { removed: { records: { count: 2 } }, unreached: 0 } });
    expect(readdirSync(join(scopeFolder(main), 'records'))).toEqual([]);
    expect(readdirSync(join(scopeFolder(pull), 'records'))).toHaveLength(1);
    expect(await removeFromCache(options(), 'all')).toMatchObject({
      ok: true,
      value: { removed: { records: { count: 2 } } },
    });
    for (const scope of [main, pull]) expect(existsSync(scopeFolder(scope))).toBe(true);
  });
});
