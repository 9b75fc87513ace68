// The environment of a build and the checkout → the facts a pipeline may read.
import type { ContextRequest } from '../../src/contract/provider.ts';
import type { CiContext, RunFacts } from '../../src/model/ci-context.ts';
import { ok, type Outcome } from '../../src/model/failure.ts';
import { readCheckout } from '../shared/checkout.ts';
import { tellContext, type ToldEvent } from '../shared/context.ts';
import { countIn } from '../shared/count.ts';
import { variable } from '../shared/variable.ts';
import { nameOf, readEvent } from './event.ts';

export async function jenkinsContext(request: ContextRequest): Promise<Outcome<CiContext>> {
  const context = await tellContext(request, {
    event: await withNames(request, readEvent(request.environment)),
    ...{ sha: variable(request.environment, 'GIT_COMMIT'), repository: '', run: runFacts(request) },
  });
  return ok(context);
}

/** The checkout says what Jenkins does not; a tag there makes the event one of a tag. */
async function withNames({ environment, git }: ContextRequest, event: ToldEvent): Promise<ToldEvent> {
  if (event.names !== null) return event;
  const { branch, tag } = await readCheckout(git, new Set(['git.branch', 'git.tag']));
  const names = { branch, tag };
  return { ...event, names, name: nameOf(environment, event.pullRequest, names) };
}

const runFacts = ({ environment, runId }: ContextRequest): RunFacts => {
  const url = variable(environment, 'BUILD_URL');
  return {
    id: variable(environment, 'BUILD_TAG') || runId,
    number: countIn(Number(variable(environment, 'BUILD_NUMBER'))),
    url: /^https?:\/\//.test(url) ? url : '',
    attempt: 1,
  };
};
