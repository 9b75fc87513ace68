// `.lockstep/secrets.env` at the source root → a source of secrets, refused where others may see the file.
import { constants, lstatSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { runGit } from '../../engine/git-files.ts';
import type { Environment } from '../contract/provider.ts';
import type { SecretSource } from '../contract/secret-source.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import { parseSecretLines } from './secret-lines.ts';
import { textSecret } from './secret-value.ts';

export const secretsFile = '.lockstep/secrets.env';

const sizeLimit = 4 << 20;

/** Read when the first name is asked for. Failure (`usage`): `secrets-file`; those of git. */
export function fileSecrets(root: string, environment: Environment): SecretSource {
  let values: ReturnType<typeof readSecretsFile> | null = null;
  return {
    place: () => secretsFile,
    find: async (name) => {
      const read = await (values ??= readSecretsFile(root, environment));
      return read.ok ? ok(textSecret(secretsFile, read.value.get(name) ?? '')) : read;
    },
  };
}

const refuse = (why: string, hint: string): ReturnType<typeof fail> =>
  fail('usage', 'secrets-file', `${secretsFile} ${why}`, { hint });

async function readSecretsFile(
  root: string,
  environment: Environment,
): Promise<Outcome<ReadonlyMap<string, Buffer>>> {
  const bytes = await readPrivateFile(root);
  if (!bytes.ok) return bytes;
  if (bytes.value === null) return ok(new Map());
  if (lstatSync(join(root, '.git'), { throwIfNoEntry: false })) {
    const listed = await runGit(root, ['ls-files', '-z', '--', secretsFile], environment);
    if (!listed.ok) return listed;
    if (listed.value.stdout.length > 0)
      return refuse(
        'is tracked by git',
        `git rm --cached ${secretsFile}, and give out new secrets: the old ones are in its history`,
      );
  }
  const parsed = parseSecretLines(bytes.value);
  return 'values' in parsed
    ? ok(parsed.values)
    : refuse(`line ${parsed.line}: ${parsed.problem}`, 'see docs/secrets.md for its form');
}

/** Null: there is none. What is checked is what was opened, not what may lie there a moment later. */
async function readPrivateFile(root: string): Promise<Outcome<Buffer | null>> {
  const isLink = (path: string): boolean =>
    lstatSync(join(root, path), { throwIfNoEntry: false })?.isSymbolicLink() === true;
  try {
    if (isLink('.lockstep') || isLink(secretsFile))
      return refuse('is reached by a link', 'put the file itself there');
    const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
    await using file = await open(join(root, secretsFile), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    const stat = await file.stat();
    if (!stat.isFile()) return refuse('is no regular file', 'put a file there, or remove it');
    if ((stat.mode & 0o077) !== 0)
      return refuse(
        `is open to others (mode ${(stat.mode & 0o777).toString(8)})`,
        `chmod 600 ${secretsFile}`,
      );
    if (stat.size > sizeLimit)
      return refuse('is larger than 4 MiB', 'give large values by --secret NAME=file:PATH');
    return ok(await file.readFile());
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return ok(null);
    return fail('usage', 'secrets-file', `${secretsFile} cannot be read`, { cause: message });
  }
}
