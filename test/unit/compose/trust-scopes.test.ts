import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { recordFolder } from '../../../src/compose/cache-folder.ts';
import { openStore } from '../../../src/compose/reuse.ts';
import {
  noteScope,
  pruneScopes,
  scopeFolders,
  scopesDue,
  type ScopeFolder,
} from '../../../src/compose/trust-scopes.ts';
import type { CacheMount, Engine, Image } from '../../../src/contract/sandbox.ts';
import { scriptedEngine } from '../../fakes/scripted-engine.ts';

const hourMs = 3600_000;
const dayMs = 24 * hourMs;
let home: string;
let engine: Engine;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'lockstep-scopes-'));
  engine = scriptedEngine();
});
afterEach(() => rmSync(home, { recursive: true }));

const environment = (size = '1GiB') => ({ XDG_CACHE_HOME: home, LOCKSTEP_CACHE_SIZE: size });
const base = (): string => recordFolder(home, environment());
const folderOf = (scope: string): string => recordFolder(home, environment(), scope);
const trust = (scope: string, reads: readonly string[] = [], writes = true) => ({ scope, reads, writes });

function use(scope: string, reads: readonly string[] = [], ago = 0): string {
  const folder = folderOf(scope);
  noteScope(folder, trust(scope, reads));
  const then = (Date.now() - ago) / 1000;
  utimesSync(join(folder, 'scope'), then, then);
  return folder;
}

describe('notes', () => {
  test('say who a folder is of and when it was used last', () => {
    use('o/r refs/heads/main', [], 3 * dayMs);
    use('o/r refs/pull/1/merge', ['o/r refs/heads/main']);
    const found = scopeFolders(base());
    expect(found.map(({ scope, reads }) => [scope, reads])).toEqual([
      ['o/r refs/pull/1/merge', ['o/r refs/heads/main']],
      ['o/r refs/heads/main', []],
    ]);
    expect(Date.now() - (found[1]?.usedAt ?? 0)).toBeGreaterThanOrEqual(3 * dayMs - 2000);
    noteScope(folderOf('o/r refs/heads/main'), trust('o/r refs/heads/main'));
    expect(Date.now() - (scopeFolders(base())[1]?.usedAt ?? 0)).toBeLessThan(hourMs);
  });

  test('are made by who may write, and kept up by who may not', () => {
    const fork = trust('fork', ['main'], false);
    noteScope(folderOf('fork'), fork);
    expect(existsSync(folderOf('fork'))).toBe(false);
    mkdirSync(folderOf('fork'), { recursive: true });
    noteScope(folderOf('fork'), fork);
    expect(scopeFolders(base())).toMatchObject([{ scope: 'fork', reads: ['main'] }]);
    noteScope(base(), trust(''));
    expect(existsSync(join(base(), 'scope'))).toBe(false);
  });

  test.each(['', '{', 'null', '[]', '{"scope": 1}', '{"scope": "x"}'])('that are damaged: %j', (text) => {
    writeFileSync(join(use('a'), 'scope'), text);
    expect(scopeFolders(base())).toMatchObject([{ scope: '', reads: [], folder: folderOf('a') }]);
    rmSync(join(folderOf('a'), 'scope'));
    expect(scopeFolders(base())).toMatchObject([{ scope: '', reads: [] }]);
  });

  test('that cannot be written, and folders that cannot be read, are no fault', () => {
    writeFileSync(join(home, 'file'), '');
    noteScope(join(home, 'file', 'x'), trust('a'));
    expect(scopeFolders(join(home, 'file'))).toEqual([]);
    expect(scopeFolders(join(home, 'nowhere'))).toEqual([]);
  });
});

describe('what is due', () => {
  const now = 100 * dayMs;
  const scopeOf = (scope: string, ago: number, reads: readonly string[] = []): ScopeFolder => ({
    ...{ scope, reads, folder: `/${scope}`, usedAt: now - ago },
  });
  const due = async (
    scopes: readonly ScopeFolder[],
    current = trust('none'),
    { each = 0, maxBytes = 100, otherBytes = 0 } = {},
  ): Promise<string[]> => {
    const bytesOf = () => Promise.resolve(each);
    const all = await scopesDue(scopes, current, bytesOf, { maxBytes, otherBytes, now });
    return all.map(({ scope }) => scope);
  };

  test('a week unused; the current one and what it reads never', async () => {
    const scopes = [scopeOf('old', 8 * dayMs), scopeOf('young', 6 * dayMs), scopeOf('', 9 * dayMs)];
    expect(await due(scopes)).toEqual(['', 'old']);
    expect(await due(scopes, trust('old'))).toEqual(['']);
    expect(await due(scopes, trust('young', ['old']))).toEqual(['']);
    expect(await due(scopes, trust(''))).toEqual(['', 'old']);
  });

  test('who is read is used', async () => {
    const scopes = [scopeOf('main', 30 * dayMs), scopeOf('branch', dayMs, ['main'])];
    expect(await due(scopes)).toEqual([]);
    expect(await due([...scopes, scopeOf('gone', 20 * dayMs, ['main'])])).toEqual(['gone']);
  });

  test('of 500 pull requests the least recently used go until all are within the bound', async () => {
    const scopes = [
      scopeOf('main', 6 * dayMs),
      ...Array.from({ length: 500 }, (_, index) => scopeOf(`${index}`, (index + 2) * 0.01 * dayMs, ['main'])),
      scopeOf('just now', 0.5 * hourMs),
    ];
    const gone = await due(scopes, trust('0', ['main']), { each: 1, maxBytes: 200, otherBytes: 50 });
    expect(gone).toHaveLength(372);
    expect(gone[0]).toBe('499');
    expect(gone.at(-1)).toBe('128');
    expect(await due(scopes, trust('0', ['main']), { each: 1, maxBytes: 552, otherBytes: 50 })).toEqual([]);
  });

  test('what is used within the hour, and by this run, stays however large it is', async () => {
    const scopes = [scopeOf('main', 0), scopeOf('a', 0.9 * hourMs), scopeOf('b', 2 * hourMs)];
    expect(await due(scopes, trust('x', ['main']), { each: 1000 })).toEqual(['b']);
  });
});

describe('pruning', () => {
  const image: Image = { reference: 'x', id: 'x', digest: 'x', published: true, hasVolumes: false };
  async function* emptyTar(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(new Uint8Array(1024));
  }
  /** With a record, a volume and a snapshot in the engine. */
  async function fill(scope: string, ago: number, bytes = 10): Promise<string> {
    const folder = use(scope, [], ago);
    const store = openStore(home, environment(), () => undefined, trust(scope));
    if (!store.ok) throw new Error(store.failure.message);
    const writer = store.value.openBlob();
    await writer.write(Buffer.from(Array.from({ length: bytes }, () => Math.random() * 256)));
    await writer.finish();
    const cache: CacheMount = { cache: 'npm', volume: `${scope}-npm`, store: store.value.id, path: '/c' };
    await engine.caches.fill(cache, image, emptyTar());
    const id = store.value.id;
    const made = await engine.snapshots.import(snapshotBundle(), image, id);
    if (!made.ok) throw new Error(made.failure.message);
    await store.value.putSnapshot(made.value);
    utimesSync(join(folder, 'scope'), (Date.now() - ago) / 1000, (Date.now() - ago) / 1000);
    return id;
  }
  async function* snapshotBundle(): AsyncGenerator<Uint8Array> {
    yield await Promise.resolve(Buffer.from(JSON.stringify({ image: 'x', files: [] })));
  }
  const held = async (id: string): Promise<number[]> => {
    const [images, volumes] = [await engine.snapshots.list(id), await engine.caches.list(id)];
    return [images.ok ? images.value.length : -1, volumes.ok ? volumes.value.length : -1];
  };

  test('takes the folder, and what the engine holds of it; others keep all of theirs', async () => {
    const old = await fill('old', 8 * dayMs);
    const young = await fill('young', dayMs);
    const kept = readdirSync(folderOf('young'), { recursive: true });
    await pruneScopes(home, environment(), trust('now', ['young']), engine);
    expect([existsSync(folderOf('old')), await held(old)]).toEqual([false, [0, 0]]);
    expect([readdirSync(folderOf('young'), { recursive: true }), await held(young)]).toEqual([kept, [1, 1]]);
  });

  test('keeps all together within the bound', async () => {
    for (let index = 0; index < 6; index++) await fill(`pr${index}`, (index + 2) * hourMs, 10_000);
    await pruneScopes(home, environment('50KiB'), trust('pr5'), engine);
    expect(
      scopeFolders(base())
        .map(({ scope }) => scope)
        .sort(),
    ).toEqual(['pr0', 'pr1', 'pr2', 'pr5']);
  });

  test('what the engine cannot remove keeps its folder, so that the next run finds it', async () => {
    const id = await fill('old', 8 * dayMs);
    const stuck: Engine = {
      ...engine,
      caches: { ...engine.caches, remove: () => Promise.resolve({ ok: true, value: false }) },
    };
    await pruneScopes(home, environment(), trust('now'), stuck);
    expect([existsSync(folderOf('old')), await held(id)]).toEqual([true, [0, 1]]);
    await pruneScopes(home, environment(), trust('now'), engine);
    expect([existsSync(folderOf('old')), await held(id)]).toEqual([false, [0, 0]]);
  });

  test('a folder that came back after its removal has the same name in the engine', async () => {
    const id = await fill('a', 0);
    rmSync(folderOf('a'), { recursive: true });
    expect(await fill('a', 0)).toBe(id);
    expect(await fill('b', 0)).not.toBe(id);
    expect(readFileSync(join(base(), 'store-id'), 'utf8').trim()).not.toBe(id);
  });
});
