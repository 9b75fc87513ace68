// The words of `--secret` → where they say that secrets come from.
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Environment } from '../contract/provider.ts';
import type { FoundSecret, SecretSource } from '../contract/secret-source.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import { suggestion } from '../pipeline/nearest-name.ts';
import { firstWord, runSecretCommand } from './secret-command.ts';
import { largeHint, textSecret, tooLarge, valueLimit, withoutLastNewline } from './secret-value.ts';

export interface SecretWords {
  readonly names: ReadonlyMap<string, string>;
  /** Where relative paths and commands start. */
  readonly folder: string;
  readonly environment: Environment;
}

/**
 * `NAME=…` of each `--secret`, the last of a name. Failures (`usage`): `secret-option`, `unknown-secret`. What stands where
 * a name should is shown only where it cannot be a value that was put there by mistake.
 */
export function readSecretWords(
  given: readonly string[],
  declared: readonly string[],
): Outcome<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  for (const [index, word] of given.entries()) {
    const equals = word.indexOf('=');
    const name = word.slice(0, Math.max(equals, 0));
    const place = given.length === 1 ? '--secret' : `--secret number ${index + 1}`;
    if (equals < 1) {
      const hint = 'write NAME=env:VARIABLE, NAME=file:PATH, NAME=cmd:COMMAND or NAME=VALUE';
      return fail('usage', 'secret-option', `${place} is not of the form NAME=…`, { hint });
    }
    if (!declared.includes(name)) {
      const near = suggestion(name, declared) ?? 'declare it under `secrets` at the top of the file';
      const isPlain = near.startsWith('did you') || /^[A-Z][A-Z_]*$/.test(name);
      const message = isPlain ? `there is no secret '${name}'` : `${place} names no secret of the file`;
      return fail('usage', 'unknown-secret', message, { hint: near });
    }
    names.set(name, word.slice(equals + 1));
  }
  return ok(names);
}

export const commandLineSecrets = ({ names, folder, environment }: SecretWords): SecretSource => ({
  place: (name) => {
    const word = names.get(name) ?? '';
    // Any other word may be the value itself.
    return word.startsWith('env:') ? `--secret (${word} is not set)` : '--secret';
  },
  find: (name) => Promise.resolve(ok(findWord(name, names.get(name) ?? '', folder, environment))),
});

function findWord(name: string, word: string, folder: string, environment: Environment): FoundSecret | null {
  const [, kind = '', rest = ''] = /^(env|file|cmd):([^]*)$/.exec(word) ?? [];
  switch (kind) {
    case 'env':
      return textSecret(`--secret (env:${rest})`, environment[rest] ?? '');
    case 'file':
      return { from: `--secret (file:${rest})`, read: () => readValueFile(name, resolve(folder, rest)) };
    case 'cmd':
      return {
        from: `--secret (cmd:${firstWord(rest)})`,
        read: (signal) => runSecretCommand(name, rest, { folder, environment, signal }),
      };
    default:
      return textSecret('--secret', word);
  }
}

async function readValueFile(name: string, path: string): Promise<Outcome<Uint8Array>> {
  const refuse = (why: string, more: { cause?: string; hint?: string } = {}): ReturnType<typeof fail> =>
    fail('usage', 'secret-unreadable', `the file of the secret ${name}, ${path}, ${why}`, more);
  try {
    // A pipe that nobody writes to would be waited for without end.
    await using file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) return refuse('is no regular file', { hint: 'what a command prints is cmd:COMMAND' });
    if (stat.size > valueLimit + 2) return refuse(`is ${tooLarge}`, { hint: largeHint });
    return ok(withoutLastNewline(await file.readFile()));
  } catch (error) {
    return refuse('cannot be read', { cause: error instanceof Error ? error.message : String(error) });
  }
}
