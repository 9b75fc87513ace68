// Why a step or a sandbox cannot start at all, as failures that say what to change.
import type { Owner } from '../../src/contract/sandbox.ts';
import { type Failure, fail } from '../../src/model/failure.ts';
import type { Answer } from './control-shell.ts';

/** Linux takes no longer string, and no more than a quarter of the stack in all. */
const variableBytes = 128 * 1024;
const environmentBytes = 1024 * 1024;

export const notStartable = (message: string, more: { hint?: string; cause?: string } = {}): Failure =>
  fail('pipeline', 'step-not-startable', message, more).failure;

export const unwritable = (): Failure => notStartable('its script could not be written into the container');

export const noSuchUser = (user: string): Failure =>
  notStartable(`there is no user ${user} in the container`, {
    hint: 'add it to the image, or give its number',
  });

/** Null when the shell found no such user. */
export function parseIds(answer: Answer): Owner | null {
  const [uid, gid] = answer.word('ids')?.split(' ') ?? [];
  return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) };
}

export function unfitEnvironment(env: Readonly<Record<string, string>>): Failure | null {
  let total = 0;
  for (const [name, value] of Object.entries(env)) {
    if (name === '' || /[=\0]/.test(name) || value.includes('\0')) {
      return notStartable(`the variable ${JSON.stringify(name)} cannot be passed to a program`);
    }
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(value) + 2;
    if (bytes > variableBytes)
      return notStartable(`the variable ${name} is longer than the 128 KiB that Linux takes`);
    total += bytes;
  }
  return total > environmentBytes
    ? notStartable('the variables of the step take more than 1 MiB in all')
    : null;
}
