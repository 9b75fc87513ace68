// The environment of a job and the checkout → the facts a pipeline may read.
import type { ContextRequest } from '../../src/contract/provider.ts';
import type { CiContext, RunFacts } from '../../src/model/ci-context.ts';
import { ok, type Outcome } from '../../src/model/failure.ts';
import { silentEvent, tellContext, type ToldEvent } from '../shared/context.ts';
import { countIn } from '../shared/count.ts';
import { variable } from '../shared/variable.ts';
import { ofExternal, ofMergeRequest, readEvent } from './event.ts';

export async function gitlabContext(request: ContextRequest): Promise<Outcome<CiContext>> {
  const { environment } = request;
  const event = eventOf(request);
  if (!event.ok) return event;
  const context = await tellContext(request, {
    event: event.value,
    sha: variable(environment, 'CI_COMMIT_SHA'),
    repository: variable(environment, 'CI_PROJECT_PATH'),
    run: runFacts(request),
  });
  return ok(context);
}

/** A dry run is told nothing of an event where the command line says which one it is. */
function eventOf({ environment, overrides }: ContextRequest): Outcome<ToldEvent> {
  const about = [
    'CI_PIPELINE_SOURCE',
    'CI_COMMIT_BRANCH',
    'CI_COMMIT_TAG',
    ...[ofMergeRequest, ofExternal].map((of) => of('IID')),
  ];
  const isSilent = about.every((name) => variable(environment, name) === '');
  return isSilent && Object.keys(overrides).length > 0 ? ok(silentEvent) : readEvent(environment);
}

/** A job that is run again is told the same as before. */
const runFacts = ({ environment, runId }: ContextRequest): RunFacts => ({
  id: variable(environment, 'CI_PIPELINE_ID') || runId,
  number: countIn(Number(environment.CI_PIPELINE_IID)),
  url:
    ['CI_PIPELINE_URL', 'CI_JOB_URL']
      .map((name) => variable(environment, name))
      .find((url) => /^https?:\/\//.test(url)) ?? '',
  attempt: 1,
});
