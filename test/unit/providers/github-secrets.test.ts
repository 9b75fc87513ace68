import { expect, test } from 'vitest';
import { githubSecrets } from '../../../providers/github/secrets.ts';

async function secretOf(text: string, name: string): Promise<string | null> {
  const found = await githubSecrets({ INPUT_SECRETS: text }).find(name);
  if (!found.ok) return `${found.failure.code}: ${found.failure.message} ${found.failure.hint ?? ''}`;
  if (found.value === null) return null;
  const value = await found.value.read(new AbortController().signal);
  return value.ok ? Buffer.from(value.value).toString() : value.failure.code;
}

test.each([
  ['{"TOKEN": "a\\nb", "github_token": "g"}', 'TOKEN', 'a\nb'],
  ['  {"TOKEN": "a"}', 'token', 'a'],
  ['{"github_token": "g"}', 'GITHUB_TOKEN', 'g'],
  ['deploy_key=k', 'DEPLOY_KEY', 'k'],
  ['TOKEN=a=b c\r\n\nOTHER=x', 'TOKEN', 'a=b c'],
  ['TOKEN=a', 'OTHER', null],
  ['TOKEN=', 'TOKEN', null],
  ['', 'TOKEN', null],
  ['{"TOKEN": null}', 'TOKEN', null],
  ['{}', 'toString', null],
])('%j has %s', async (text, name, value) => {
  expect(await secretOf(text, name)).toBe(value);
});

test.each([
  ['{"A": "hidden', 'it begins like JSON and is none'],
  ['{"A": 1}', 'the value of A is no text'],
  ['A=x\nhidden', 'line 2 is not NAME=value'],
])('%j is refused, and nothing of it told', async (text, why) => {
  const said = await secretOf(text, 'A');
  expect(said).toContain(`secrets-input: the action's input \`secrets\` cannot be read: ${why}`);
  expect(said).not.toContain('hidden');
});
