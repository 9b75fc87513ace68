// The environment of a workflow's step, its event and the checkout → the facts a pipeline may read.
import type { ContextRequest, Environment, EventOverrides } from '../../src/contract/provider.ts';
import type { CiContext, EventFacts, GitFacts, RunFacts } from '../../src/model/ci-context.ts';
import { ok, type Outcome } from '../../src/model/failure.ts';
import { gitFacts, namedBy, readCheckout, type RefNames } from '../shared/checkout.ts';
import { readEvent, type GithubEvent } from './event.ts';
import { countIn } from './payload.ts';
import { platformOf, variable } from './platform.ts';

const aboutNames = ['git.branch', 'git.tag', 'git.ref', 'event.pull-request.source'];
const aboutDefaultBranch = ['git.default-branch', 'event.pull-request.target'];

/** The same facts as on a laptop on the same commit with `--branch`, `--tag` or `--pull-request` for the event. */
export async function githubContext(request: ContextRequest): Promise<Outcome<CiContext>> {
  const { environment, overrides } = request;
  const wants = (names: readonly string[]): boolean => names.some((name) => request.wanted.has(name));
  const read = await eventOf(request);
  if (!read.ok) return read;
  const event = read.value;
  const repository = variable(environment, 'GITHUB_REPOSITORY');
  const names = namedBy(overrides) ?? (event.namesOf === null ? event.names : null);

  // Git is asked only for what nobody else says.
  const ask = new Set(request.wanted);
  for (const name of [...aboutNames, 'event.name']) ask.delete(name);
  if (names === null && wants(aboutNames)) ask.add('git.sha');
  if (repository !== '') ask.delete('git.repository');
  if (event.defaultBranch !== '') for (const name of aboutDefaultBranch) ask.delete(name);
  // What a run may read of others is a matter of it, too.
  else ask.add('git.default-branch');
  const found = await readCheckout(request.git, ask);
  const checkout = {
    ...found,
    sha: found.sha || variable(environment, 'GITHUB_SHA'),
    repository: repository || found.repository,
    'default-branch': event.defaultBranch || found['default-branch'],
  };
  const git = gitFacts(
    checkout,
    names ?? (await namesAt(checkout.sha, event, wants(aboutNames), request.git)),
  );
  return ok({ git, event: eventFacts(overrides, event, git), run: runFacts(request) });
}

/** Where no platform says anything of an event, as in a dry run, the command line may say which one it is. */
async function eventOf({ environment, overrides }: ContextRequest): Promise<Outcome<GithubEvent>> {
  const isSaid = ['GITHUB_EVENT_NAME', 'GITHUB_EVENT_PATH', 'GITHUB_REF', 'GITHUB_REF_NAME'].some(
    (name) => variable(environment, name) !== '',
  );
  if (isSaid || Object.keys(overrides).length === 0) return readEvent(environment);
  return ok({ name: 'push', pullRequest: null, names: null, namesOf: null, defaultBranch: '' });
}

/** A workflow may have checked out something else than its event is about: then the checkout says what that is. */
async function namesAt(
  sha: string,
  { names, namesOf }: GithubEvent,
  wanted: boolean,
  git: ContextRequest['git'],
): Promise<RefNames> {
  if (names !== null && (namesOf === '' || sha === namesOf)) return names;
  return readCheckout(git, new Set(wanted ? aboutNames : []));
}

/** No word of the command line makes a fork's change one of ours: that is `--allow fork-secrets` alone. */
function eventFacts(overrides: EventOverrides, event: GithubEvent, git: GitFacts): EventFacts {
  const asked = overrides.pullRequest;
  const named = namedBy(overrides);
  const said = named === null || event.pullRequest?.fork === true ? event.pullRequest : null;
  if (!asked && !said) {
    const name = named === null ? event.name : named.tag === '' ? 'push' : 'tag';
    return { name, 'pull-request': null };
  }
  const { number, target, fork } = said ?? { number: 0, target: '', fork: false };
  return {
    name: 'pull-request',
    'pull-request': {
      number: asked?.number ?? number,
      source: git.branch,
      target: target || git['default-branch'],
      fork: fork || asked?.fork === true,
    },
  };
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
