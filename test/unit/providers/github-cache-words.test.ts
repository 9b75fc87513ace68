// What GitHub's cache client says where its services differ from one another and from the fake.
import { describe, expect, it } from 'vitest';
import { readAnswer, readReceipt } from '../../../providers/github/cache-words.ts';
import type { CacheReceipt } from '../../../src/contract/cache-store.ts';

const unable = 'Failed to save: Unable to reserve cache with key k, another job may be creating this cache.';
const debug = '::debug::Failed to reserve cache: Error: Failed to CreateCacheEntry:';

const saved: readonly (readonly [string, CacheReceipt['kind'], ...(readonly string[])])[] = [
  [
    'a conflict',
    'exists',
    `${debug} Received non-retryable error: Failed request: (409) Conflict: exists`,
    unable,
  ],
  [
    'a refusal without a word',
    'exists',
    '::debug::Failed to reserve cache: Error: Response was not ok',
    unable,
  ],
  ['Enterprise Server', 'exists', `${unable} More details: Cache already exists. Scope: refs/heads/main`],
  ['Gitea', 'exists', '::warning::Failed to save: already exist'],
  ['a rate limit', 'outage', `${debug} Rate limited: Failed request: (429) Too Many Requests`, unable],
  ['a dead network', 'outage', `${debug} Unable to make request: ECONNRESET`, unable],
  [
    'a full quota',
    'declined',
    '::warning::Cache reservation failed: storage quota is used up',
    '::debug::Failed to reserve cache: Error: storage quota is used up',
    unable,
  ],
  ['too large', 'declined', '::warning::Failed to save: Cache size of ~11000 MB is over the 10GB limit'],
  ['an upload that fails', 'outage', '::warning::Failed to save: socket hang up'],
  ['words that nobody knows', 'outage', 'Cache is fine'],
];

describe('what is said of an entry that is put', () => {
  for (const [name, kind, ...words] of saved)
    it(`takes ${name} for: ${kind}`, () =>
      expect(readReceipt({ kind: 'returned', value: -1, words }, 'it').kind).toBe(kind));

  it('does not believe the number of an upload that failed', () => {
    const words = ['::error::Failed to save: Cache service responded with 503 during upload chunk.'];
    expect(readReceipt({ kind: 'returned', value: 7, words }, 'it').kind).toBe('outage');
    expect(readReceipt({ kind: 'returned', value: 7, words: [] }, 'it').kind).toBe('stored');
  });
});

describe('what is said of an entry that is got', () => {
  const of = (word: string, found: boolean) =>
    readAnswer({ kind: 'returned', value: undefined, words: [word] }, { name: 'it', found }).kind;

  it('is a miss when the entry is there and of no use, an outage when nobody can tell', () => {
    expect(of('::warning::Failed to restore: aborted', true)).toBe('miss');
    expect(of('::warning::Failed to restore: aborted', false)).toBe('outage');
    expect(of('::warning::Failed to restore:', true)).toBe('miss');
    expect(of('::warning::Failed to restore: connect ECONNREFUSED 10.0.0.1:443', true)).toBe('outage');
  });

  it('is told in one line, as it was before it was a workflow command', () => {
    const words = ['::warning::Failed to restore: 100%25 broken%0Aat line 1'];
    expect(readAnswer({ kind: 'returned', value: undefined, words }, { name: 'it', found: false })).toEqual({
      kind: 'outage',
      message: 'it does not work: 100% broken',
    });
  });
});
