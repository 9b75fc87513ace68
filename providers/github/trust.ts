// The facts of a workflow's run → what its work is kept for, and whether it may be kept.
import type { Environment, Trust } from '../../src/contract/provider.ts';
import type { CiContext } from '../../src/model/ci-context.ts';
import { variable } from '../shared/variable.ts';
import { plainEvents, refOf } from './event.ts';

/** What these work on is their ref's own. All others run on the default branch, though they may be about anybody's work. */
const ofTheirRef: ReadonlySet<string> = new Set([
  // A dry run.
  '',
  ...plainEvents.keys(),
  ...['pull_request', 'pull_request_review', 'pull_request_review_comment'],
]);

/**
 * The scope is that of GitHub's cache, the ref in its repository; a pull request that runs on the base branch's ref all the same has
 * one of its own. It reads what GitHub's cache lets it read: what the base branch and the default branch left.
 * https://docs.github.com/en/actions/reference/workflows-and-actions/dependency-caching#restrictions-for-accessing-a-cache
 */
export function githubTrust(environment: Environment, { event, git }: CiContext): Trust {
  const ref = refOf(environment) || git.ref;
  const pullRequest = event['pull-request'];
  const own =
    pullRequest && !ref.startsWith('refs/pull/') ? `refs/pull/${String(pullRequest.number)}/merge` : ref;
  const branches = [pullRequest?.target ?? '', git['default-branch']].filter((name) => name !== '');
  const more = [...new Set(branches)].map((name) => `refs/heads/${name}`).filter((other) => other !== own);
  const inRepository = (name: string): string =>
    `${variable(environment, 'GITHUB_REPOSITORY')} ${name}`.trim();
  return {
    scope: inRepository(own),
    reads: more.map(inRepository),
    writes: pullRequest?.fork !== true && ofTheirRef.has(variable(environment, 'GITHUB_EVENT_NAME')),
  };
}
