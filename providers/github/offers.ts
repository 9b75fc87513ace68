// The environment of a workflow's step → what the platform gives it, or why not. No service is asked anything.
import type { Environment } from '../../src/contract/provider.ts';
import { variable } from '../shared/variable.ts';
import { isGithubHost, platformOf, type Platform } from './platform.ts';

/** SIGINT, 7.5 s later SIGTERM, 2.5 s later the end. Look-alikes have no times of their own that are written down. */
export const cancelMs = 10_000;

export interface Services {
  readonly platform: Platform;
  readonly cache: CacheService;
  readonly artifacts: ArtifactService;
}

/** `because`: a clause for people. */
interface Absent {
  readonly is: 'absent';
  readonly because: string;
}
export type CacheService = { readonly is: 'there'; readonly version: 'v1' | 'v2' } | Absent;
export type ArtifactService = { readonly is: 'there' } | Absent;

const absent = (because: string): Absent => ({ is: 'absent', because });

export function findServices(environment: Environment): Services {
  const platform = platformOf(environment);
  return {
    platform,
    cache: findCache(environment, platform),
    artifacts: findArtifacts(environment, platform),
  };
}

/** Version 2 is GitHub's own alone, whatever a look-alike says of itself: its client would ask in vain for minutes. */
function findCache(environment: Environment, platform: Platform): CacheService {
  if (/^false$/i.test(environment.INPUT_CACHE?.trim() ?? '')) return absent('the input `cache` is false');
  if (!environment.ACTIONS_RUNTIME_TOKEN) return absent(noToken(platform));
  if (environment.ACTIONS_CACHE_MODE?.trim().toLowerCase() === 'none')
    return absent('the cache-mode of this job is none');
  if (
    platform === 'GitHub Actions' &&
    environment.ACTIONS_CACHE_SERVICE_V2 &&
    environment.ACTIONS_RESULTS_URL
  )
    return { is: 'there', version: 'v2' };
  return environment.ACTIONS_CACHE_URL
    ? { is: 'there', version: 'v1' }
    : absent(`${platform} names no cache service here`);
}

function findArtifacts(environment: Environment, platform: Platform): ArtifactService {
  if (!isGithubHost(variable(environment, 'GITHUB_SERVER_URL')))
    return absent(`${platform} has no artifacts that GitHub's client can write`);
  if (!environment.ACTIONS_RUNTIME_TOKEN) return absent(noToken(platform));
  return environment.ACTIONS_RESULTS_URL
    ? { is: 'there' }
    : absent(`${platform} names no artifact service here`);
}

const noToken = (platform: Platform): string =>
  platform === 'act'
    ? 'act was started without an artifact server, so there is no token'
    : 'there is no ACTIONS_RUNTIME_TOKEN: an action is given one, a script of `run:` is not';
