// `--cache FOLDER`, else what the platform offers → where a run finds what other machines left, and leaves what they will want.
import { lstatSync } from 'node:fs';
import { join, relative, resolve, sep } from 'node:path';
import type { CacheStore } from '../contract/cache-store.ts';
import type { Offers, Trust } from '../contract/provider.ts';
import { fail, type Failure } from '../model/failure.ts';
import { scopeFolder } from './cache-folder.ts';

export interface KeptPlaces {
  /** Null: records are in the folder too. Whoever opens it again gets the same. */
  readonly openRecords: (() => Promise<CacheStore>) | null;
  /** For cache directories, absolute. Null: they are with the records. */
  readonly folder: string | null;
}

/** Null: nothing travels. A folder that the user names goes before all that the platform offers. */
export function keptPlaces(
  named: string | undefined,
  offers: Offers | null,
  root: string,
): KeptPlaces | null {
  if (named !== undefined) return { openRecords: null, folder: resolve(named) };
  const openRecords = offers?.cache.is === 'there' ? offers.cache.open : null;
  const folder = offers?.cacheFolder === undefined ? null : resolve(root, offers.cacheFolder);
  return openRecords === null && folder === null ? null : { openRecords, folder };
}

/**
 * `usage`, `state-folder-unsafe`: on the way from the checkout to what a run keeps in it stands a link. It may have come with a
 * checkout that somebody else made, and a run writes and deletes there. `trust`: absent where this is nobody's platform.
 */
export function findUnsafePlace(places: KeptPlaces | null, root: string, trust?: Trust): Failure | null {
  const folder = places?.folder ?? null;
  if (folder === null) return null;
  const scopes = trust === undefined ? [''] : [trust.scope, ...trust.reads];
  const unsafe = scopes.map((scope) => linkOnTheWay(root, scopeFolder(folder, scope))).find(Boolean);
  if (unsafe === undefined) return null;
  return fail('usage', 'state-folder-unsafe', `${unsafe} is a link, and what runs keep lies there`, {
    hint: 'remove it: a run would write and delete where it points',
  }).failure;
}

function linkOnTheWay(root: string, folder: string): string | undefined {
  const parts = relative(root, folder).split(sep);
  if (parts[0] === '..') return undefined;
  return parts
    .map((_, at) => join(root, ...parts.slice(0, at + 1)))
    .find((path) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink());
}
