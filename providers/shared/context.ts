// What a platform tells of an event and a run, and the checkout → the facts a pipeline may read.
import type { ContextRequest, EventOverrides } from '../../src/contract/provider.ts';
import type { CiContext, EventFacts, EventName, GitFacts, RunFacts } from '../../src/model/ci-context.ts';
import { gitFacts, namedBy, readCheckout, type RefNames } from './checkout.ts';

export type PullRequest = NonNullable<EventFacts['pull-request']>;

export interface ToldEvent {
  readonly name: EventName;
  readonly pullRequest: PullRequest | null;
  /** Null: what is checked out decides. */
  readonly names: RefNames | null;
  /** The commit that the names are of; null: they hold whatever is checked out. */
  readonly namesOf: string | null;
  /** `''` where nobody says it. */
  readonly defaultBranch: string;
}

/** Where a platform says nothing of an event, as in a dry run, and the command line does. */
export const silentEvent: ToldEvent = {
  ...{ name: 'push', pullRequest: null, names: null, namesOf: null, defaultBranch: '' },
};

export interface Told {
  readonly event: ToldEvent;
  /** `''` where the platform does not say it, as of the next. */
  readonly sha: string;
  readonly repository: string;
  readonly run: RunFacts;
}

const aboutNames = ['git.branch', 'git.tag', 'git.ref', 'event.pull-request.source'];
const aboutDefaultBranch = ['git.default-branch', 'event.pull-request.target'];

/** The same facts as on a laptop on the same commit with `--branch`, `--tag` or `--pull-request` for the event. */
export async function tellContext(
  { git: run, wanted, overrides }: Pick<ContextRequest, 'git' | 'wanted' | 'overrides'>,
  told: Told,
): Promise<CiContext> {
  const { event } = told;
  const wants = (names: readonly string[]): boolean => names.some((name) => wanted.has(name));
  const names = namedBy(overrides) ?? (event.namesOf === null ? event.names : null);

  // Git is asked only for what nobody else says.
  const ask = new Set(wanted);
  for (const name of [...aboutNames, 'event.name']) ask.delete(name);
  if (names === null && wants(aboutNames)) ask.add('git.sha');
  if (told.repository !== '') ask.delete('git.repository');
  if (event.defaultBranch !== '') for (const name of aboutDefaultBranch) ask.delete(name);
  // What a run may read of others is a matter of it, too.
  else ask.add('git.default-branch');
  const found = await readCheckout(run, ask);
  const checkout = {
    ...found,
    sha: found.sha || told.sha,
    repository: told.repository || found.repository,
    'default-branch': event.defaultBranch || found['default-branch'],
  };
  const git = gitFacts(checkout, names ?? (await namesAt(checkout.sha, event, wants(aboutNames), run)));
  return { git, event: eventFacts(overrides, event, git), run: told.run };
}

/** A job may have checked out something else than its event is about: then the checkout says what that is. */
async function namesAt(
  sha: string,
  { names, namesOf }: ToldEvent,
  wanted: boolean,
  git: ContextRequest['git'],
): Promise<RefNames> {
  if (names !== null && (namesOf === '' || sha === namesOf)) return names;
  return readCheckout(git, new Set(wanted ? aboutNames : []));
}

/** No word of the command line makes a fork's change one of ours: that is `--allow fork-secrets` alone. */
function eventFacts(overrides: EventOverrides, event: ToldEvent, git: GitFacts): EventFacts {
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
