// Secrets granted to a step → files for it alone, the variables that name them, and why some cannot be given. Pure.
import type { Owner, StepSpec } from '../../src/contract/sandbox.ts';
import type { Failure } from '../../src/model/failure.ts';
import { notStartable } from './step-refusals.ts';
import { exportable, say } from './step-script.ts';

type Granted = Pick<StepSpec, 'secretEnv' | 'secretFiles'>;

/** A tmpfs, so in no snapshot. Its folder is root's: nobody else can put a link where we write. */
export const secretsFolder = '/run/secrets';
const maxFileBytes = 1024 * 1024;

export const isGranted = ({ secretEnv, secretFiles }: Granted): boolean =>
  Object.keys(secretEnv).length > 0 || Object.keys(secretFiles).length > 0;

/** What the step's environment has of them. */
export const secretVariables = ({ secretEnv, secretFiles }: Granted): Readonly<Record<string, string>> => ({
  ...Object.fromEntries(Object.keys(secretFiles).map((name) => [`${name}_FILE`, `${secretsFolder}/${name}`])),
  ...secretEnv,
});

/** Only what a shell itself exports stays off every command line. */
export function unfitSecrets({ secretEnv, secretFiles }: Granted): Failure | null {
  for (const name of Object.keys(secretEnv)) {
    if (exportable(name)) continue;
    return notStartable(`no shell can set the variable ${JSON.stringify(name)} of a secret`, {
      hint: 'name it otherwise: letters, digits and _, and not a name that shells use themselves',
    });
  }
  for (const [name, bytes] of Object.entries(secretFiles)) {
    if (!/^[A-Za-z_]\w*$/.test(name))
      return notStartable(`the secret ${JSON.stringify(name)} cannot be a file: its name is no variable's`);
    if (bytes.length > maxFileBytes)
      return notStartable(`the secret ${name} is longer than the 1 MiB that a file of a secret may have`);
  }
  return null;
}

/** Answers `granted`, or nothing when the folder is full. Fed to the container's main shell, which is root's. */
export const grantRequest = ({ uid, gid }: Owner, files: Readonly<Record<string, Uint8Array>>): string => `
umask 077
empty ${secretsFolder}
${[
  ...Object.entries(files).map(([name, bytes]) => {
    const path = `${secretsFolder}/${name}`;
    return `${writeBytes(path, bytes)} && chmod 400 ${path} && chown ${uid}:${gid} ${path}`;
  }),
  say('granted'),
].join(' && ')}
umask 022`;

/** Answers `withdrawn` when none is left. */
export const withdrawRequest = (): string =>
  `empty ${secretsFolder}; is_empty ${secretsFolder} && ${say('withdrawn')}`;

const chunkBytes = 16 * 1024;

/** Any bytes into a file, by builtins alone: no process ever has them as an argument. */
export function writeBytes(path: string, bytes: Uint8Array): string {
  const texts = Array.from({ length: Math.ceil(bytes.length / chunkBytes) }, (_, at) =>
    Buffer.from(bytes.subarray(at * chunkBytes, (at + 1) * chunkBytes))
      .toString('latin1')
      .replace(/[^A-Za-z0-9]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`),
  );
  return `{ ${['true', ...texts.map((text) => `printf '${text}'`)].join(' && ')}; } >${path}`;
}
