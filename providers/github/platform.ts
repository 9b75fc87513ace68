// The environment of a workflow's step → which of the platforms it is that all say GITHUB_ACTIONS.
import type { Environment } from '../../src/contract/provider.ts';
import { variable } from '../shared/variable.ts';

export type Platform = 'GitHub Actions' | 'GitHub Enterprise Server' | 'Gitea' | 'Forgejo' | 'act';

export const isGithubLike = (environment: Environment): boolean =>
  ['GITHUB_ACTIONS', 'GITEA_ACTIONS', 'FORGEJO_ACTIONS'].some((name) => environment[name] === 'true');

/** Forgejo says that it is Gitea too, and both may be made of act: from the most to the least particular. */
export function platformOf(environment: Environment): Platform {
  if (environment.FORGEJO_ACTIONS === 'true') return 'Forgejo';
  if (environment.GITEA_ACTIONS === 'true') return 'Gitea';
  if (environment.ACT === 'true') return 'act';
  return isGithubHost(variable(environment, 'GITHUB_SERVER_URL'))
    ? 'GitHub Actions'
    : 'GitHub Enterprise Server';
}

/** As GitHub's own clients decide it; `ghe.com` is the cloud under a company's name. */
export function isGithubHost(server: string): boolean {
  if (server === '') return true;
  if (!URL.canParse(server)) return false;
  const host = new URL(server).hostname.toLowerCase();
  return host === 'github.com' || host.endsWith('.ghe.com') || host.endsWith('.localhost');
}
