// An event file, or words of the command line → what a runner of GitHub's would say in its environment, for a dry run elsewhere.
// https://docs.github.com/en/webhooks/webhook-events-and-payloads
import type { Environment, PretendRequest } from '../../src/contract/provider.ts';
import { fail, ok, type Outcome } from '../../src/model/failure.ts';
import { readCheckout } from '../shared/checkout.ts';
import { readPayload, recordIn, textIn, type JsonRecord } from './payload.ts';

/** No token and no address of a service: there is none. */
export async function githubPretend(request: PretendRequest): Promise<Outcome<Environment>> {
  const { event, overrides } = request;
  const about = ['git.branch', 'git.tag', 'git.repository', ...(event ? ['git.default-branch'] : [])];
  const checkout = await readCheckout(request.git, new Set(about));
  const runner = { GITHUB_ACTIONS: 'true', GITHUB_REPOSITORY: checkout.repository };
  if (event) {
    const told = await tellEvent(event, checkout['default-branch']);
    return told.ok ? ok({ ...runner, ...told.value }) : told;
  }
  // What the command line says, the context knows by itself.
  if (Object.keys(overrides).length > 0) return ok(runner);
  const { branch, tag } = checkout;
  const ref = tag !== '' ? `refs/tags/${tag}` : branch !== '' ? `refs/heads/${branch}` : '';
  return ok({ ...runner, GITHUB_EVENT_NAME: 'push', GITHUB_REF: ref });
}

/** Not the commit: what is checked out here stands for that of the event, whichever that was. */
async function tellEvent(
  { file, name }: NonNullable<PretendRequest['event']>,
  defaultBranch: string,
): Promise<Outcome<Environment>> {
  const payload = await readPayload(file);
  if (payload.is === 'unreadable')
    return fail('usage', 'event-unreadable', `the event cannot be read: ${payload.because}`);
  const { value } = payload;
  const event = name ?? nameOf(value);
  if (event === null)
    return fail('usage', 'event-unreadable', `${file} does not show which event it is of`, {
      hint: 'write its name before it: --event workflow_dispatch=FILE',
    });
  const repository = recordIn(value.repository);
  const branch = textIn(repository?.default_branch) || defaultBranch;
  return ok({
    GITHUB_EVENT_NAME: event,
    GITHUB_EVENT_PATH: file,
    GITHUB_REF: refOf(event, value) || (branch === '' ? '' : `refs/heads/${branch}`),
    ...(textIn(repository?.full_name) !== '' && { GITHUB_REPOSITORY: textIn(repository?.full_name) }),
  });
}

/** The keys by which payloads differ, and whose they are. Those of events that look the same belong to the usual one. */
const shapes: readonly (readonly [string, readonly string[]])[] = [
  ['pull_request_review', ['pull_request', 'review']],
  ['pull_request_review_comment', ['pull_request', 'comment']],
  ['pull_request', ['pull_request']],
  ['workflow_run', ['workflow_run']],
  ['merge_group', ['merge_group']],
  ['release', ['release']],
  ['issue_comment', ['issue', 'comment']],
  ['issues', ['issue']],
  ['schedule', ['schedule']],
  ['repository_dispatch', ['client_payload']],
  ['create', ['ref', 'ref_type']],
  ['workflow_dispatch', ['inputs']],
  ['push', ['ref']],
];

const nameOf = (payload: JsonRecord): string | null =>
  shapes.find(([, keys]) => keys.every((key) => Object.hasOwn(payload, key)))?.[0] ?? null;

/** As GITHUB_REF is for the event; `''`: the default branch's. */
function refOf(event: string, payload: JsonRecord): string {
  const pullRequest = recordIn(payload.pull_request);
  if (event === 'pull_request_target') {
    const base = textIn(recordIn(pullRequest?.base)?.ref);
    return base === '' ? '' : `refs/heads/${base}`;
  }
  if (event.startsWith('pull_request')) return `refs/pull/${String(pullRequest?.number)}/merge`;
  switch (event) {
    case 'merge_group':
      return textIn(recordIn(payload.merge_group)?.head_ref);
    case 'release':
      return `refs/tags/${textIn(recordIn(payload.release)?.tag_name)}`;
    case 'create':
      return `refs/${payload.ref_type === 'tag' ? 'tags' : 'heads'}/${textIn(payload.ref)}`;
    case 'push':
    case 'workflow_dispatch':
      return textIn(payload.ref);
    default:
      return '';
  }
}
