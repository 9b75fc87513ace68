// A key that the language has not → what its writer probably meant.
import { suggestion } from './nearest-name.ts';

/** `known` are the keys that there are at its place. */
export function keyHint(key: string, known: readonly string[]): string | undefined {
  if (/\s/.test(key)) return 'quote it: `: ` makes a key of what stands before it';
  const hints = fromElsewhere.get(key.toLowerCase().replaceAll('_', '-')) ?? [];
  const fitting = hints.find((hint) => known.some((name) => isNamed(name, hint)));
  return fitting ?? hints[0] ?? suggestion(key, known);
}

/** Whether a hint says to write this key. */
export const isNamed = (key: string, hint: string): boolean =>
  (hint.match(/(?<=['`])[a-z-]+/g) ?? []).some((name) => name === key);

const image = ['the container is the `image` of the job or of `defaults`'];
const scripts = ['write `steps: […]`', 'write `run: …`'];
const order = ['there are no stages: a job starts when its `needs` are done'];
const condition = ['write a condition: `if: …`'];

/** Words of GitHub, GitLab, Jenkins and others; of several hints that counts which names a key of the place. */
const fromElsewhere: ReadonlyMap<string, readonly string[]> = new Map([
  ['uses', ['a step has `run`; the source is already there']],
  ['with', ['a step has `run`, and takes values from `env`']],
  ['on', ['what starts a run stands in the file of the CI platform; a job can have an `if`']],
  ['runs-on', image],
  ['container', image],
  ['agent', image],
  ['script', scripts],
  ['commands', scripts],
  ['before-script', ['write it as the first of the `steps`']],
  ['after-script', ['write `finally: […]`']],
  ['stage', order],
  ['stages', order],
  ['depends-on', ['write `needs: […]`']],
  ['strategy', ['write `matrix`, `fail-fast` and `max-parallel` without it']],
  ['rules', condition],
  ['only', condition],
  ['except', condition],
  ['variables', ['write `env`']],
  ['working-directory', ['write `workdir`']],
  ['timeout-minutes', ['write `timeout: 20m`']],
  ['continue-on-error', ['write `allow-failure`']],
]);
