// The inputs of `uses: ORG/lockstep@v1` → the words of `lockstep run`, or what is wrong with each of them.
import type { Environment } from '../contract/provider.ts';
import { fail, ok, type Failure, type Outcome } from '../model/failure.ts';
import { splitWords } from './words.ts';

export interface ActionInputs {
  /** Of `lockstep`. */
  readonly argv: readonly string[];
  /** Where it is called, relative to the workspace. */
  readonly directory: string;
  /** The pipeline file, relative to it. */
  readonly file: string;
}

export type InputProblem = Failure & { readonly input: string };

/** GitHub gives input `working-directory` as INPUT_WORKING-DIRECTORY; one that is not given is ''. */
const inputOf = (environment: Environment, name: string): string =>
  (environment[`INPUT_${name.toUpperCase()}`] ?? '').trim();

/** `secrets` is read where secrets are looked up (providers/github/secrets). Problems are of kind `usage`, all in one pass. */
export function readInputs(
  environment: Environment,
): ActionInputs | { readonly problems: readonly InputProblem[] } {
  const problems: InputProblem[] = [];
  const take = (name: string, read: (text: string) => Outcome<readonly string[]>): readonly string[] => {
    const text = inputOf(environment, name);
    if (text === '') return [];
    const words = read(text);
    if (words.ok) return words.value;
    problems.push({ ...words.failure, input: name });
    return [];
  };
  const [command = 'run'] = take('command', commandName);
  const jobs = take('jobs', jobNames);
  const options = [
    ...take('file', (text) => ok(['--file', text])),
    ...take('params', (text) => pairs(text)),
    ...take('reuse', reuseWords),
    ...take('parallel', wholeNumber),
    ...take('allow', allowed),
  ];
  const args = take('args', splitWords);
  // Names come before options, and options of names last: those that take several words would take them too.
  const argv =
    command === 'run'
      ? ['run', ...jobs, ...options, ...args]
      : ['merge', ...args, ...(jobs.length > 0 ? ['--job', ...jobs] : [])];
  if (command === 'merge' && options.length > 0)
    problems.push({
      ...invalid('merge takes no file, params, reuse, parallel or allow', 'leave them out').failure,
      input: 'command',
    });
  take('cache', (text) => (isBoolean(text) ? ok([]) : invalid(`expected true or false, found '${text}'`)));
  const directory = inputOf(environment, 'working-directory') || '.';
  const file = inputOf(environment, 'file') || 'lockstep.yml';
  return problems.length > 0 ? { problems } : { argv, directory, file };
}

const invalid = (message: string, hint?: string): ReturnType<typeof fail> =>
  fail('usage', 'invalid-input', message, hint === undefined ? {} : { hint });

const isBoolean = (text: string): boolean => /^(true|false)$/i.test(text);

const commandName = (text: string): Outcome<readonly string[]> =>
  text === 'run' || text === 'merge' ? ok([text]) : invalid(`expected run or merge, found '${text}'`);

/** By lines, commas and blanks; not what stands in brackets: `test[os=a, node=22]`. */
function jobNames(text: string): Outcome<readonly string[]> {
  const names = text.match(/[^\s,[\]]+(?:\[[^\]]*\])?/g) ?? [];
  const option = names.find((name) => name.startsWith('-'));
  return option === undefined
    ? ok(names)
    : invalid(`'${option}' is no name of a job`, 'options go into `args`');
}

/** One a line, since values may have blanks in them. */
function pairs(text: string): Outcome<readonly string[]> {
  const lines = text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
  const odd = lines.find((line) => line.indexOf('=') < 1);
  return odd === undefined
    ? ok(lines.flatMap((line) => ['--param', line]))
    : invalid(`expected NAME=VALUE on each line, found '${odd}'`);
}

function reuseWords(text: string): Outcome<readonly string[]> {
  switch (text.toLowerCase()) {
    case 'true':
      return ok([]);
    case 'false':
      return ok(['--no-reuse']);
    case 'fresh':
      return ok(['--fresh']);
    default:
      return invalid(`expected true, false or fresh, found '${text}'`);
  }
}

function wholeNumber(text: string): Outcome<readonly string[]> {
  const number = Number(text);
  return /^\d{1,4}$/.test(text) && number >= 1 && number <= 1000
    ? ok(['--parallel', text])
    : invalid(`expected a whole number from 1 to 1000, found '${text}'`);
}

const allowable = ['privileged', 'fork-secrets'];

function allowed(text: string): Outcome<readonly string[]> {
  const words = text.split(/[\s,]+/).filter((word) => word !== '');
  const odd = words.find((word) => !allowable.includes(word));
  return odd === undefined
    ? ok(words.flatMap((word) => ['--allow', word]))
    : invalid(`'${odd}' is nothing that can be allowed`, `allow ${allowable.join(' or ')}`);
}
