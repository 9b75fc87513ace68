// A service that is granted secrets → how its container is started so that the engine never has them. Pure.
import type { ContainerCreateOptions } from 'dockerode';
import type { ServiceSpec } from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import { exportable, quote } from './step-script.ts';
import { unfitEnvironment } from './step-refusals.ts';

export interface SecretStart {
  /** Over the container's other options. */
  readonly options: ContainerCreateOptions;
  /** For its stdin. */
  readonly text: string;
}

/** Words and variables of an image, as the engine gives them: null where there are none. */
export interface ImageStart {
  readonly Cmd: readonly string[] | string | null | undefined;
  readonly Entrypoint?: readonly string[] | string | null | undefined;
  readonly Env: readonly string[] | null;
}

/**
 * Its first process is a shell that reads the secrets and becomes the program. Shells lose inherited variables whose
 * names they cannot export: `env` gives them back.
 */
export function secretStart(spec: ServiceSpec, image: ImageStart): Outcome<SecretStart> {
  const { name, secretEnv } = spec;
  const odd = Object.keys(secretEnv).find((one) => !exportable(one));
  const refusal =
    odd === undefined
      ? unfitEnvironment(secretEnv)?.message
      : `no shell can set the variable ${JSON.stringify(odd)} of a secret`;
  if (refusal !== undefined) return failed(`the service ${name} could not be started: ${refusal}`);
  const program = programOf(spec, image);
  if (program.length === 0) return failed(`the service ${name} has no command, nor has its image`);
  const inherited = [
    ...(image.Env ?? []),
    ...Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
  ].filter((line) => !exportable(line.slice(0, line.indexOf('='))));
  const words = inherited.length === 0 ? program : ['env', '--', ...inherited, ...program];
  return ok({
    options: {
      Entrypoint: ['sh', '-s', '--'],
      Cmd: [...words],
      AttachStdin: true,
      OpenStdin: true,
      StdinOnce: true,
    },
    text: `${Object.entries(secretEnv)
      .map(([key, value]) => `export ${key}=${quote(value)}\n`)
      .join('')}unset OLDPWD PWD SHLVL
exec "$@" </dev/null
`,
  });
}

export const noShell = ({ name, image }: ServiceSpec, cause: string): Failure =>
  fail('pipeline', 'service-failed', `the image ${image.reference} of the service ${name} has no sh`, {
    hint: 'a service that is granted secrets is started by a shell: take an image that has one',
    cause,
  }).failure;

/** As the engine resolves them: an entrypoint of one's own takes the image's command away. */
function programOf({ entrypoint, command }: ServiceSpec, image: ImageStart): readonly string[] {
  const own = command ?? [];
  const words = own.length > 0 || (entrypoint ?? []).length > 0 ? own : listOf(image.Cmd);
  return [...(entrypoint ?? listOf(image.Entrypoint)), ...words];
}

const listOf = (words: ImageStart['Cmd']): readonly string[] =>
  typeof words === 'string' ? [words] : (words ?? []);

const failed = (message: string): Outcome<never> => fail('pipeline', 'service-failed', message);
