// What started a workflow (variables and the event's payload) → an event in our own words, and whether it is about a fork.
// https://docs.github.com/en/actions/reference/workflows-and-actions/events-that-trigger-workflows
import type { Environment } from '../../src/contract/provider.ts';
import type { EventName } from '../../src/model/ci-context.ts';
import { fail, ok, type Outcome } from '../../src/model/failure.ts';
import type { RefNames } from '../shared/checkout.ts';
import type { ToldEvent } from '../shared/context.ts';
import { countIn } from '../shared/count.ts';
import { variable } from '../shared/variable.ts';
import { readPayload, recordIn, textIn, type JsonRecord } from './payload.ts';

/** Never about a pull request, so that nothing about trust stands in their payload. */
export const plainEvents: ReadonlyMap<string, EventName> = new Map([
  ['push', 'push'],
  ['create', 'push'],
  ['merge_group', 'push'],
  ['schedule', 'schedule'],
  ['workflow_dispatch', 'manual'],
  ['repository_dispatch', 'manual'],
  ['release', 'tag'],
]);

/**
 * Every other event may be about a change from outside: then a payload that cannot be read, or does not say whose change it is,
 * is the failure `event-unreadable` (`usage`).
 */
export async function readEvent(environment: Environment): Promise<Outcome<ToldEvent>> {
  const event = variable(environment, 'GITHUB_EVENT_NAME');
  const ref = refOf(environment);
  const isTag = ref.startsWith('refs/tags/');
  const payload = await readPayload(environment.GITHUB_EVENT_PATH);
  const value = payload.is === 'read' ? payload.value : {};
  const defaultBranch = textIn(recordIn(value.repository)?.default_branch);
  const namesOf = isTag ? null : variable(environment, 'GITHUB_SHA');
  const plain = { pullRequest: null, names: namesIn(ref), namesOf, defaultBranch };
  const name = ref.startsWith('refs/pull/') ? undefined : plainEvents.get(event);
  if (name !== undefined) return ok({ ...plain, name: name === 'push' && isTag ? 'tag' : name });

  if (payload.is === 'unreadable') return unreadable(event, payload.because);
  const change = changeIn(value, event, ref, environment);
  if (change === 'unclear') return unreadable(event, 'its payload does not say whose change it is about');
  return ok(change ? { ...change, namesOf: null, defaultBranch } : { ...plain, name: 'manual' });
}

const unreadable = (event: string, because: string): Outcome<never> =>
  fail(
    'usage',
    'event-unreadable',
    event === ''
      ? 'GITHUB_EVENT_NAME is not set, so nobody says what started this run'
      : `The event ${JSON.stringify(event)} cannot be understood: ${because}`,
    {
      hint: 'pass on the GITHUB_… variables and the event file of the runner; outside of one, unset GITHUB_ACTIONS',
    },
  );

/** `refs/heads/…`, `refs/tags/…`, `refs/pull/N/merge`, or `''`. */
export function refOf(environment: Environment): string {
  const { GITHUB_REF: ref, GITHUB_REF_NAME: name, GITHUB_REF_TYPE: type } = environment;
  if (ref) return ref;
  return name ? `refs/${type === 'tag' ? 'tags' : 'heads'}/${name}` : '';
}

function namesIn(ref: string): RefNames | null {
  const [, kind, name = ''] = /^refs\/(heads|tags)\/(.+)$/s.exec(ref) ?? [];
  if (kind === undefined) return null;
  return kind === 'tags' ? { branch: '', tag: name } : { branch: name, tag: '' };
}

type Change = Pick<ToldEvent, 'name' | 'pullRequest' | 'names'>;

/** The change that a payload is about; null when it is about none. */
function changeIn(
  payload: JsonRecord,
  event: string,
  ref: string,
  environment: Environment,
): Change | 'unclear' | null {
  if (payload.pull_request != null || event.startsWith('pull_request') || ref.startsWith('refs/pull/'))
    return ofPullRequest(payload, ref, environment);
  if (payload.workflow_run != null || event === 'workflow_run') return ofWorkflowRun(payload);
  if (event === 'issue_comment' && recordIn(payload.issue) === null) return 'unclear';
  const issue = recordIn(payload.issue);
  // A comment says of its pull request only the number: whose branch it is from, nobody knows without asking.
  return issue?.pull_request == null ? null : asPullRequest(countIn(issue.number), '', '', true);
}

function ofPullRequest(payload: JsonRecord, ref: string, environment: Environment): Change | 'unclear' {
  const pullRequest = recordIn(payload.pull_request);
  const [head, base] = [recordIn(pullRequest?.head), recordIn(pullRequest?.base)];
  if (!pullRequest || !head || !base) return 'unclear';
  return asPullRequest(
    countIn(pullRequest.number) || countIn(Number(/^refs\/pull\/(\d+)\//.exec(ref)?.[1])),
    textIn(head.ref) || variable(environment, 'GITHUB_HEAD_REF'),
    textIn(base.ref) || variable(environment, 'GITHUB_BASE_REF'),
    !isSameRepository(head.repo, base.repo),
  );
}

/**
 * Counts as what the run that it follows was. Only a pull request makes a run with a head elsewhere, and only `pull_request`
 * itself says for sure where its head lies.
 */
function ofWorkflowRun(payload: JsonRecord): Change | 'unclear' {
  const run = recordIn(payload.workflow_run);
  if (!run) return 'unclear';
  const event = textIn(run.event);
  const branch = textIn(run.head_branch);
  const foreign = !isSameRepository(run.head_repository, run.repository ?? payload.repository);
  if (!foreign && !event.startsWith('pull_request')) {
    const name = plainEvents.get(event) ?? 'manual';
    return {
      name,
      pullRequest: null,
      names: name === 'tag' ? { branch: '', tag: branch } : { branch, tag: '' },
    };
  }
  const listed = Array.isArray(run.pull_requests) ? recordIn(run.pull_requests[0]) : null;
  return asPullRequest(
    countIn(listed?.number),
    branch,
    textIn(recordIn(listed?.base)?.ref),
    foreign || (event !== 'pull_request' && listed === null),
  );
}

const asPullRequest = (number: number, source: string, target: string, fork: boolean): Change => ({
  name: 'pull-request',
  pullRequest: { number, source, target, fork },
  names: { branch: source, tag: '' },
});

/** False also where one is not said, as with a fork that is gone. */
function isSameRepository(one: unknown, other: unknown): boolean {
  const [a, b] = [recordIn(one), recordIn(other)];
  if (countIn(a?.id) > 0 && countIn(b?.id) > 0) return a?.id === b?.id;
  const name = textIn(a?.full_name).toLowerCase();
  return name !== '' && name === textIn(b?.full_name).toLowerCase();
}
