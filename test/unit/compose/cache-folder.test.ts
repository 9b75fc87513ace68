import { homedir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { cacheFolder } from '../../../src/compose/cache-folder.ts';

it.each([
  ['/var/cache/u', '/var/cache/u/lockstep/v1'],
  ['', join(homedir(), '.cache/lockstep/v1')],
  ['relative', join(homedir(), '.cache/lockstep/v1')],
  [undefined, join(homedir(), '.cache/lockstep/v1')],
])('XDG_CACHE_HOME=%j → %s', (named, folder) => {
  expect(cacheFolder({ XDG_CACHE_HOME: named })).toBe(folder);
});
