// Where records and cache directories travel by, and what a plan and a run say of it.
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { absentServices } from '../../../src/compose/absent-services.ts';
import { scopeFolder } from '../../../src/compose/cache-folder.ts';
import { findUnsafePlace, keptPlaces } from '../../../src/compose/kept-places.ts';
import type { Offers } from '../../../src/contract/provider.ts';
import type { PlatformPreview } from '../../../src/model/plan-preview.ts';
import { renderPlan } from '../../../src/report/plan.ts';
import { memoryCacheStore } from '../../fakes/memory-cache-store.ts';
import { planOf } from '../../rig/in-process.ts';

const absent = { is: 'absent', because: 'no key is set' } as const;
const store = memoryCacheStore();
const there = { is: 'there', open: () => Promise.resolve(store) } as const;
const offers = (cache: Offers['cache'], cacheFolder?: string): Offers => ({
  ...{ platform: 'CI', trust: { scope: 'a', reads: [], writes: true }, cancelMs: null, logBytes: null },
  ...{ secrets: absent, artifacts: absent, cache, ...(cacheFolder !== undefined && { cacheFolder }) },
  ...{
    credentials: [],
    logs: () => {
      throw new Error('nobody asks');
    },
  },
});
const plan = planOf('version: 1\njobs: { a: { image: x, steps: [echo] } }\n');

describe.each([
  ['a store', offers(there), ['store', null], [], 'there'],
  [
    'a store and a folder',
    offers(there, '.lockstep/kept'),
    ['store', '/root/.lockstep/kept'],
    [],
    'there, and the folder .lockstep/kept',
  ],
  [
    'a folder alone',
    offers(absent, '/kept'),
    [null, '/kept'],
    ['records are kept in /kept, since no key is set'],
    'the folder /kept, since no key is set',
  ],
  [
    'nothing',
    offers(absent),
    null,
    ['nothing is kept for other machines, since no key is set'],
    'none, since no key is set',
  ],
] as const)('%s', (_what, offered, expected, notices, shown) => {
  it('is where things go', async () => {
    const places = keptPlaces(undefined, offered, '/root');
    const opened = places && [(await places.openRecords?.()) === store ? 'store' : null, places.folder];
    expect(opened).toEqual(expected);
  });

  it('is told', () => {
    expect(absentServices(offered, plan, true).map(({ message }) => message)).toEqual(notices);
    const { cache, cacheFolder } = offered;
    const on: PlatformPreview = {
      ...{ name: 'CI', dryRun: false, ref: '', event: { name: 'push', 'pull-request': null }, reads: ['a'] },
      ...{
        writes: 'a',
        noCache: cache.is === 'absent' ? cache.because : null,
        noArtifacts: null,
        noSecrets: null,
      },
      ...(cacheFolder !== undefined && { cacheFolder }),
    };
    const preview = { pipeline: null, platform: 'linux/amd64', params: {}, jobs: [], on } as const;
    expect(renderPlan(preview, { color: false })).toContain(`\ncache of the platform: ${shown}\n`);
  });

  it('is not asked where the user names a folder', () => {
    expect(keptPlaces('own', offered, '/root')).toEqual({ openRecords: null, folder: resolve('own') });
    expect(absentServices(offered, plan, false)).toEqual([]);
  });
});

it('on nobody’s platform nothing travels', () => {
  expect(keptPlaces(undefined, null, '/root')).toBeNull();
});

describe('a link in the checkout on the way to what is kept', () => {
  const trust = { scope: 'mine', reads: ['theirs'], writes: true };
  const folder = '.lockstep/kept';
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-kept-')));
  afterAll(() => rmSync(root, { recursive: true }));

  it.each([
    folder,
    dirname(scopeFolder(folder, 'x')),
    ...['mine', 'theirs'].map((name) => scopeFolder(folder, name)),
  ])('%s', (link) => {
    const places = keptPlaces(undefined, offers(absent, folder), root);
    rmSync(join(root, '.lockstep'), { recursive: true, force: true });
    mkdirSync(dirname(join(root, link)), { recursive: true });
    expect(findUnsafePlace(places, root, trust)).toBeNull();
    symlinkSync('/elsewhere', join(root, link));
    expect(findUnsafePlace(places, root, trust)).toMatchObject({
      code: 'state-folder-unsafe',
      message: expect.stringContaining(join(root, link)) as string,
    });
  });

  it('says nothing of a folder that lies elsewhere', () => {
    const elsewhere = join(root, 'elsewhere');
    mkdirSync(join(root, 'checkout'));
    symlinkSync('/elsewhere', elsewhere);
    const places = keptPlaces(elsewhere, null, root);
    expect(findUnsafePlace(places, join(root, 'checkout'))).toBeNull();
    expect(findUnsafePlace(places, root)).not.toBeNull();
  });
});
