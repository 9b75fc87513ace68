// A file that `env` left in a job → those of its variables that say what the job is about.
import type { Environment, PretendRequest } from '../../src/contract/provider.ts';
import { fail, ok, type Outcome } from '../../src/model/failure.ts';
import { readEventFile } from './event-file.ts';

/**
 * Those that are `taken`. A value of several lines, as a commit's message, may hold what looks like a variable: the file must not
 * contradict itself. Failure (`usage`): `event-unreadable`.
 */
export async function readJobVariables(
  { file, name }: NonNullable<PretendRequest['event']>,
  taken: ReadonlySet<string>,
): Promise<Outcome<Environment>> {
  if (name !== null)
    return unreadable(
      `${name}= stands before the file, whose variables say by themselves which event it is of`,
    );
  const read = await readEventFile(file);
  if (read.is === 'unreadable') return unreadable(read.because);
  const said = new Map<string, string>();
  for (const line of read.text.split(/\r?\n/)) {
    const [, variable = '', value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
    if (!taken.has(variable)) continue;
    if ((said.get(variable) ?? value) !== value) return unreadable(`${file} says twice what ${variable} is`);
    said.set(variable, value);
  }
  return said.size === 0 ? unreadable(`${file} has no variables of a job`) : ok(Object.fromEntries(said));
}

const unreadable = (because: string): ReturnType<typeof fail> =>
  fail('usage', 'event-unreadable', `the event cannot be read: ${because}`, {
    hint: 'give --event the file that `env > FILE` leaves in a job',
  });
