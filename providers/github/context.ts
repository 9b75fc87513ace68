// The environment of a workflow's step, its event and the checkout → the facts a pipeline may read.
import type { ContextRequest, Environment } from '../../src/contract/provider.ts';
import type { CiContext, RunFacts } from '../../src/model/ci-context.ts';
import { ok, type Outcome } from '../../src/model/failure.ts';
import { silentEvent, tellContext, type ToldEvent } from '../shared/context.ts';
import { countIn } from '../shared/count.ts';
import { variable } from '../shared/variable.ts';
import { readEvent } from './event.ts';
import { platformOf } from './platform.ts';

export async function githubContext(request: ContextRequest): Promise<Outcome<CiContext>> {
  const { environment } = request;
  const event = await eventOf(request);
  if (!event.ok) return event;
  const context = await tellContext(request, {
    event: event.value,
    sha: variable(environment, 'GITHUB_SHA'),
    repository: variable(environment, 'GITHUB_REPOSITORY'),
    run: runFacts(request),
  });
  return ok(context);
}

/** Where no platform says anything of an event, as in a dry run, the command line may say which one it is. */
async function eventOf({ environment, overrides }: ContextRequest): Promise<Outcome<ToldEvent>> {
  const isSaid = ['GITHUB_EVENT_NAME', 'GITHUB_EVENT_PATH', 'GITHUB_REF', 'GITHUB_REF_NAME'].some(
    (name) => variable(environment, name) !== '',
  );
  return isSaid || Object.keys(overrides).length === 0 ? readEvent(environment) : ok(silentEvent);
}

function runFacts({ environment, runId }: ContextRequest): RunFacts {
  const number = countIn(Number(environment.GITHUB_RUN_NUMBER));
  const id = variable(environment, 'GITHUB_RUN_ID') || runId;
  return {
    id,
    number,
    url: runUrl(environment, id, number),
    attempt: countIn(Number(environment.GITHUB_RUN_ATTEMPT)) || 1,
  };
}

/** Forgejo's pages go by a run's number. */
function runUrl(environment: Environment, id: string, number: number): string {
  const server = variable(environment, 'GITHUB_SERVER_URL');
  const repository = variable(environment, 'GITHUB_REPOSITORY');
  const platform = platformOf(environment);
  if (platform === 'act' || !/^https?:\/\//.test(server) || repository === '') return '';
  return `${server}/${repository}/actions/runs/${platform === 'Forgejo' ? String(number) : id}`;
}
