// A git checkout and what the command line says of the event → the facts a pipeline may read.
import type { ContextRequest, EventOverrides } from '../../src/contract/provider.ts';
import type { CiContext, EventFacts, GitFacts } from '../../src/model/ci-context.ts';
import { ok, type Outcome } from '../../src/model/failure.ts';
import { gitFacts, namedBy, readCheckout } from '../shared/checkout.ts';

/** Facts that nobody reads are left empty: git is asked only for what the pipeline wants. */
export async function localContext(request: ContextRequest): Promise<Outcome<CiContext>> {
  const checkout = await readCheckout(request.git, request.wanted);
  const git = gitFacts(checkout, namedBy(request.overrides) ?? checkout);
  return ok({
    git,
    event: eventFacts(request.overrides, git),
    run: { id: request.runId, number: 0, url: '', attempt: 1 },
  });
}

function eventFacts({ pullRequest }: EventOverrides, git: GitFacts): EventFacts {
  if (!pullRequest) return { name: git.tag === '' ? 'push' : 'tag', 'pull-request': null };
  const { number, fork } = pullRequest;
  return {
    name: 'pull-request',
    'pull-request': { number, source: git.branch, target: git['default-branch'], fork },
  };
}
