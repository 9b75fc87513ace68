import { describe, expect, it, test } from 'vitest';
import type { CacheContents, CacheEntry, CacheRemoval } from '../../../src/model/cache-contents.ts';
import {
  contentsJson,
  removalJson,
  renderContents,
  renderRemoval,
  renderStats,
  statsJson,
} from '../../../src/report/cache.ts';
import { formatAge } from '../../../src/report/quantity.ts';

const hour = 3600_000;
const now = Date.parse('2026-01-31T00:00:00Z');
const build = { root: '/home/me/web', file: 'lockstep.yml', job: 'build' };
const digest = (name: string): string => `sha256:${Buffer.from(name).toString('hex').padEnd(64, '0')}`;

const entry = (
  kind: CacheEntry['kind'],
  name: string,
  hours: number,
  more: Partial<CacheEntry>,
): CacheEntry => {
  return { kind, id: digest(name), bytes: 1024, usedAt: now - hours * hour, belongsTo: [], ...more };
};

const entries: readonly CacheEntry[] = [
  entry('job', 'j', 0, { belongsTo: [build] }),
  entry('blob', 'b', 1, { belongsTo: [{ ...build, step: 2 }], records: [digest('s')], bytes: 3072 }),
  entry('step', 's', 3, {
    belongsTo: [
      { ...build, step: 2 },
      { ...build, job: 'test', step: 2 },
    ],
  }),
  entry('blob', 'l', 4, { belongsTo: [build], records: [] }),
  entry('snapshot', 'o', 5, { state: 'orphaned', bytes: 5 * 1024 }),
  entry('cache directory', 'v', 49, {
    id: 'lockstep-cache-0123456789abcdef',
    belongsTo: [{ root: '/home/me/web', cache: 'n\u001b[1mpm' }],
    bytes: null,
  }),
  entry('parsed file', 'p', 60, {}),
  entry('parsed file', 'q', 70, {}),
];
const contents: CacheContents = {
  folder: '/c/v1',
  engine: { name: 'Docker 1' },
  maxBytes: 60 * 1024,
  entries,
};

const table = (text: string): string[][] => text.split('\n').map((line) => line.split(/ {2,}/));

describe('the list', () => {
  it('counts blobs with what they belong to, the last used first', () => {
    expect(table(renderContents(contents, { blobs: false, now }))).toEqual([
      ['kind', 'size', 'last use', 'belongs to', 'in', 'id'],
      ['job', '1.0 KiB', '<1h', 'build', '/home/me/web/lockstep.yml', '6a0000000000'],
      ['step', '4.0 KiB', '1h', 'build step 2 and 1 more', '/home/me/web/lockstep.yml', '730000000000'],
      ['file lists', '1.0 KiB', '4h', 'build', '/home/me/web/lockstep.yml', '-'],
      ['snapshot', '5.0 KiB', '5h', 'orphaned', '-', '6f0000000000'],
      ['cache directory', '?', '2d', 'n\\x1b[1mpm', '/home/me/web', '0123456789ab'],
      ['parsed files', '2.0 KiB', '2d', '-', '-', '-'],
      [''],
      ['13.0 KiB in all; the cache folder is /c/v1'],
      [''],
    ]);
  });

  it('has each blob in a row of its own where they are asked for', () => {
    const kinds = table(renderContents(contents, { blobs: true, now })).map(([kind]) => kind);
    expect(kinds.slice(1, -3)).toEqual(entries.map(({ kind }) => kind));
  });

  it('says that nothing is kept', () => {
    const text = renderContents({ ...contents, entries: [] }, { blobs: false, now });
    expect(text).toBe('nothing is kept in /c/v1\n');
  });

  it('says of a snapshot that it is elsewhere', () => {
    const away = entry('snapshot', 'a', 0, { belongsTo: [build], state: 'not in this engine' });
    const text = renderContents({ ...contents, entries: [away] }, { blobs: false, now });
    expect(text).toContain('build (not in this engine)');
  });

  it('is whole as JSON', () => {
    const parsed = JSON.parse(contentsJson(contents)) as { entries: Record<string, unknown>[] };
    expect(parsed.entries).toHaveLength(entries.length);
    expect(parsed.entries[0]).toEqual({
      ...{ kind: 'job', id: digest('j'), bytes: 1024 },
      ...{ 'last-use': '2026-01-31T00:00:00.000Z', 'belongs-to': [build] },
    });
  });
});

describe('scopes of trust', () => {
  const scoped: CacheContents = {
    ...contents,
    entries: [
      entry('step', 's', 0, { belongsTo: [build], scope: 'o/r refs/heads/main' }),
      entry('step', 's', 1, { belongsTo: [build], scope: 'x\u001b[1m' }),
      entry('blob', 'b', 2, { records: [digest('s')], bytes: 3072, scope: 'o/r refs/heads/main' }),
      entry('parsed file', 'p', 3, {}),
    ],
  };
  it('are a column, and what is the same in two of them is there twice', () => {
    const [title, ...rows] = table(renderContents(scoped, { blobs: false, now }));
    expect(title?.slice(-2)).toEqual(['scope', 'id']);
    expect(rows.slice(0, 3).map(([kind, size, , , , scope]) => [kind, size, scope])).toEqual([
      ['step', '4.0 KiB', 'o/r refs/heads/main'],
      ['step', '1.0 KiB', 'x\\x1b[1m'],
      ['parsed files', '1.0 KiB', '-'],
    ]);
  });

  it('are added up', () => {
    expect(renderStats(scoped)).toContain(
      'scope                count     size\no/r refs/heads/main      2  4.0 KiB\n',
    );
    expect(renderStats(contents)).not.toContain('scope');
    expect(JSON.parse(statsJson(scoped))).toMatchObject({
      scopes: [
        { scope: 'o/r refs/heads/main', count: 2, bytes: 4096 },
        { count: 1, bytes: 1024 },
      ],
    });
    expect(JSON.parse(contentsJson(scoped))).toMatchObject({
      entries: [{ scope: 'o/r refs/heads/main' }, {}, {}, {}],
    });
  });
});

test('the sums leave out of the bound what nothing remembers and what it is not for', () => {
  const parsed: unknown = JSON.parse(statsJson(contents));
  expect(parsed).toMatchObject({
    ...{ folder: '/c/v1', 'max-bytes': 60 * 1024, 'bounded-bytes': 6 * 1024 },
    kinds: { blob: { count: 2, bytes: 4096 }, 'cache directory': { count: 1, bytes: 0 } },
  });
  const text = renderStats(contents);
  expect(text).toMatch(/^blob +2 +4\.0 KiB$/m);
  expect(text).toMatch(/^bound +60\.0 KiB .*; 90\.0% of it free$/m);
  expect(text).toMatch(/^folder +\/c\/v1\nengine +Docker 1\n$/m);
});

test('more than the bound is not less than nothing free', () => {
  expect(renderStats({ ...contents, maxBytes: 1 })).toContain(' 0.0% of it free');
});

test('what was removed is said with what stayed', () => {
  const none = { count: 0, bytes: 0 };
  const removal: CacheRemoval = {
    engine: null,
    removed: {
      records: { count: 1, bytes: 1024 },
      snapshots: { count: 2, bytes: 1024 },
      'cache-directories': none,
      indexes: none,
    },
    inUse: [
      { kind: 'snapshot', id: digest('s') },
      { kind: 'cache directory', id: 'lockstep-cache-1', cache: 'npm' },
    ],
    unreached: 0,
    faults: [],
  };
  expect(renderRemoval(removal)).toBe(
    'freed 2.0 KiB: 1 record or blob, 2 snapshots\n' +
      'kept the snapshot 730000000000: a container or another snapshot uses it\n' +
      'kept the cache directory npm: a container uses it\n',
  );
  expect(JSON.parse(removalJson(removal))).toMatchObject({ 'freed-bytes': 2048, 'in-use': [{}, {}] });
  const removed = { records: none, snapshots: none, 'cache-directories': none, indexes: none };
  expect(renderRemoval({ ...removal, removed, inUse: [] })).toBe('nothing was removed\n');
});

test.each([
  [-5, '<1h'],
  [hour - 1, '<1h'],
  [47 * hour, '47h'],
  [48 * hour, '2d'],
  [800 * hour, '33d'],
])('an age of %i ms is %s', (ms, text) => expect(formatAge(ms)).toBe(text));
