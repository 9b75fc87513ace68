// The environment → the folder where all caches of this version's layout stand.
import { hash } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { Environment } from '../contract/provider.ts';

/** Changes with the layout or the format of a file there; folders of other versions are left alone. */
const layout = 'v1';

/**
 * Absolute; null where the user has no home. A relative `XDG_CACHE_HOME` counts as unset:
 * https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function cacheFolder({ XDG_CACHE_HOME: named }: Environment): string | null {
  const parent = named && isAbsolute(named) ? named : join(home(), '.cache');
  return isAbsolute(parent) ? join(parent, 'lockstep', layout) : null;
}

/**
 * Where records lie: who has no home keeps them in the state folder. On a CI machine that stays, each scope of trust has its own
 * (`Trust.scope`), and so its own snapshots and cache volumes.
 */
export function recordFolder(root: string, environment: Environment, scope = ''): string {
  const folder = cacheFolder(environment) ?? join(root, '.lockstep', 'cache', layout);
  return scopeFolder(folder, scope);
}

export const scopesIn = (folder: string): string => join(folder, 'scopes');

/** Of a scope of trust within a folder that is kept. */
export const scopeFolder = (folder: string, scope: string): string =>
  scope === '' ? folder : join(scopesIn(folder), hash('sha256', scope).slice(0, 32));

function home(): string {
  try {
    return homedir();
  } catch {
    return '';
  }
}
