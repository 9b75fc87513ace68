// `--options-from FILE` among the words of a command → the words that the file's lines stand for, in its place.
import { readFile } from 'node:fs/promises';
import { fail, ok, type Outcome } from '../model/failure.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const option = '--options-from';
const asksForOptions = (word: string): boolean => word === option || word.startsWith(`${option}=`);

/** As they are where it is not among them; `-` is stdin. Failure (`usage`): `options-file`. */
export async function fillIn(
  argv: readonly string[],
  environment: Environment,
): Promise<Outcome<readonly string[]>> {
  const at = argv.findIndex(asksForOptions);
  if (at < 0) return ok(argv);
  const joined = argv[at]?.slice(option.length + 1);
  const name = joined === '' ? argv[at + 1] : joined;
  if (name === undefined) return invalid(`${option} names no file`);
  let text: string;
  try {
    text =
      name === '-'
        ? await (await import('node:stream/consumers')).text(process.stdin)
        : await readFile(name, 'utf8');
  } catch (error) {
    return invalid(`${name} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
  const words = readOptions(text, environment);
  if (!words.ok) return words;
  const rest = argv.slice(at + (joined === '' ? 2 : 1));
  return [...words.value, ...rest].some(asksForOptions)
    ? invalid(`${option} may stand there once, and not in such a file`)
    : ok([...argv.slice(0, at), ...words.value, ...rest]);
}

/**
 * On each line an option and its value, all the rest of the line, or a JSON list: then the option comes once for each. Without an
 * option: names of jobs, or other words. Nothing after an option: it is left out. `$NAME` and `${NAME}` in a value stand
 * for variables, `$$` for a dollar.
 */
export function readOptions(text: string, environment: Environment): Outcome<readonly string[]> {
  const words: string[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    const [, name = '', value = ''] = /^(--[a-z-]+(?:\s+|$))?(.*)$/s.exec(line.trim()) ?? [];
    const values = value.startsWith('[') ? readList(value) : value === '' ? [] : [value];
    if (values === null)
      return invalid(`line ${index + 1}: expected a JSON list of texts and numbers, found ${value}`);
    // Whoever wrote the line meant a job, whatever somebody else put into the variable.
    const odd = values.find((one) => !one.startsWith('-') && expand(one, environment).startsWith('-'));
    if (name === '' && odd !== undefined)
      return invalid(`line ${index + 1}: ${odd} stands for a word that begins with -, as an option does`);
    words.push(
      ...values
        .map((one) => expand(one, environment))
        .map((one) => (name === '' ? one : `${name.trim()}=${one}`)),
    );
  }
  return ok(words);
}

const invalid = (message: string): Outcome<never> => fail('usage', 'options-file', message);

function readList(text: string): readonly string[] | null {
  try {
    // As Ruby writes it before `{`, `$` and `@`: older GitLab puts its lists into texts that way.
    const list: unknown = JSON.parse(text.replace(/\\[^]/g, (escape) => (escape === '\\#' ? '#' : escape)));
    if (!Array.isArray(list)) return null;
    return list.every((one) => ['string', 'number', 'boolean'].includes(typeof one))
      ? list.map(String)
      : null;
  } catch {
    return null;
  }
}

const expand = (text: string, environment: Environment): string =>
  text.replace(/\$(?:\$|([a-z_]\w*)|\{([a-z_]\w*)\})/gi, (_, plain?: string, braced?: string) => {
    const name = plain ?? braced;
    if (name === undefined) return '$';
    return Object.hasOwn(environment, name) ? (environment[name] ?? '') : '';
  });
