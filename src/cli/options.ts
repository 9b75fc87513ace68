// Words of the command line → values, with errors that say what was expected.
import { InvalidArgumentError, Option } from 'commander';
import type { Selection } from '../compose/plan.ts';
import type { SecretOptions } from '../compose/secrets.ts';
import { parseDuration } from '../model/duration.ts';

/** `k=v`, given any number of times. */
export function collectPair(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const equals = text.indexOf('=');
  if (equals < 1) throw new InvalidArgumentError('Expected NAME=VALUE.');
  return { ...before, [text.slice(0, equals)]: text.slice(equals + 1) };
}

export function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const number = Number(text);
    if (/^\d+$/.test(text) && number >= least && number <= most) return number;
    throw new InvalidArgumentError(`Expected a whole number from ${least} to ${most}.`);
  };
}

/** Milliseconds. */
export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms !== null) return ms;
  throw new InvalidArgumentError('Expected a duration, e.g. 12h or 30d.');
}

export interface PullRequestOption {
  readonly number: number;
  readonly fork: boolean;
}

/** `N` or `N:fork`. */
export function pullRequest(text: string): PullRequestOption {
  const match = /^([1-9]\d{0,8})(:fork)?$/.exec(text);
  if (!match) throw new InvalidArgumentError('Expected N or N:fork, e.g. 12:fork.');
  return { number: Number(match[1]), fork: match[2] !== undefined };
}

export const fileOption = (): Option =>
  new Option('-f, --file <file>', 'the pipeline file (default: lockstep.yml at the repository root)');

/** What decides which jobs there are, with which values and secrets; shared by `run` and `plan`. */
export const selectionOptions = (): Option[] => [
  fileOption(),
  new Option('-p, --param <name=value>', 'the value of a param; may be repeated')
    .argParser(collectPair)
    .default({}, 'none'),
  new Option('--matrix <key=value>', 'only the instances with this matrix value; may be repeated')
    .argParser(collectPair)
    .default({}, 'all'),
  new Option('--no-needs', 'only the named jobs, not what they need (with --from: needs that ran elsewhere)'),
  new Option('--branch <name>', 'act as on this branch').conflicts('tag'),
  new Option('--tag <name>', 'act as on this tag').conflicts('pullRequest'),
  new Option('--pull-request <number>', 'act as on this pull request: N, or N:fork').argParser(pullRequest),
  new Option('--as <platform>', 'a dry run: as on this CI platform, but here; see its page in docs'),
  new Option('--event <file>', "with --as: the platform's file of the event, or NAME=FILE").conflicts([
    ...['branch', 'tag', 'pullRequest'],
  ]),
  // Not checked here: what is wrong with an option is told with its text.
  new Option(
    '--secret <name=…>',
    'where a secret comes from: NAME=env:VARIABLE, file:PATH, cmd:COMMAND, or the value; may be repeated',
  )
    .argParser((word: string, before: readonly string[]) => [...before, word])
    .default([], 'none'),
  new Option('--allow <what...>', 'allow what a pipeline may not do by itself')
    .choices(['privileged', 'fork-secrets'])
    .default([], 'nothing'),
];

export interface SelectionOptions {
  readonly file?: string;
  readonly param: Readonly<Record<string, string>>;
  readonly matrix: Readonly<Record<string, string>>;
  readonly needs: boolean;
  readonly branch?: string;
  readonly tag?: string;
  readonly pullRequest?: PullRequestOption;
  readonly as?: string;
  readonly event?: string;
  readonly secret: readonly string[];
  readonly allow: readonly ('privileged' | 'fork-secrets')[];
}

/** `folder`: where relative paths and commands start. */
export const secretsOf = ({ secret, allow }: SelectionOptions, folder: string): SecretOptions => ({
  ...{ secret, folder, allowFork: allow.includes('fork-secrets') },
});

/** `folder`: where relative paths start. */
export const selectionOf = (
  jobs: readonly string[],
  options: SelectionOptions,
  folder: string,
): Selection => ({
  jobs,
  matrix: options.matrix,
  params: options.param,
  withNeeds: options.needs,
  overrides: {
    ...(options.branch !== undefined && { branch: options.branch }),
    ...(options.tag !== undefined && { tag: options.tag }),
    ...(options.pullRequest && { pullRequest: options.pullRequest }),
  },
  dryRun: {
    ...(options.as !== undefined && { as: options.as }),
    ...(options.event !== undefined && { event: options.event }),
    folder,
  },
});
