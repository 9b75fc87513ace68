// The action's input `secrets` → a source of secrets: `${{ toJSON(secrets) }}`, or NAME=value lines.
import type { FoundSecret, SecretSource } from '../../src/contract/secret-source.ts';
import type { Environment } from '../../src/contract/provider.ts';
import { fail, ok, type Outcome } from '../../src/model/failure.ts';

const input = 'INPUT_SECRETS';
const place = "the action's input `secrets`";

/** GitHub's names know no case: it keeps them in upper case, but for `github_token`. */
export const githubSecrets = (environment: Environment): SecretSource => ({
  place: () => place,
  find: (name) => {
    const read = readSecrets(environment[input] ?? '');
    if (!read.ok) return Promise.resolve(read);
    const value = read.value.get(name.toUpperCase()) ?? '';
    const found: FoundSecret | null =
      value === '' ? null : { from: place, read: () => Promise.resolve(ok(Buffer.from(value))) };
    return Promise.resolve(ok(found));
  },
});

/** Whether the action was given any. */
export const hasSecretsInput = (environment: Environment): boolean =>
  (environment[input] ?? '').trim() !== '';

/** Failure (`usage`): `secrets-input`. It holds nothing of the text, which may be a secret. */
function readSecrets(text: string): Outcome<ReadonlyMap<string, string>> {
  return text.trimStart().startsWith('{') ? fromJson(text) : fromLines(text);
}

function fromJson(text: string): Outcome<ReadonlyMap<string, string>> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return unreadable('it begins like JSON and is none');
  }
  // `toJSON(secrets.NAME)` of one that is not there is null.
  const entries = Object.entries(parsed as Readonly<Record<string, unknown>>).filter(
    ([, value]) => value !== null,
  );
  const odd = entries.find(([, value]) => typeof value !== 'string');
  if (odd !== undefined) return unreadable(`the value of ${odd[0]} is no text`);
  return ok(new Map(entries.map(([name, value]) => [name.toUpperCase(), String(value)])));
}

function fromLines(text: string): Outcome<ReadonlyMap<string, string>> {
  const secrets = new Map<string, string>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    const [, name, value] = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined) return unreadable(`line ${index + 1} is not NAME=value`);
    secrets.set(name.toUpperCase(), value);
  }
  return ok(secrets);
}

const unreadable = (why: string): ReturnType<typeof fail> =>
  fail('usage', 'secrets-input', `${place} cannot be read: ${why}`, {
    hint: 'write secrets: ${{ toJSON(secrets) }}, or one NAME=${{ secrets.NAME }} a line; a value of several lines needs toJSON',
  });
