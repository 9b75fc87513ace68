// What the engine, its socket or a registry said → a Failure. The one place that reads their words.
import { fail, type Failure } from '../../src/model/failure.ts';
import { withoutCredentials } from '../../src/model/url-credentials.ts';

const failure = (...args: Parameters<typeof fail>): Failure => fail(...args).failure;

/** What dockerode rejects with: an HTTP answer has a status code, a broken connection an errno code. */
export const statusOf = (error: unknown): number | undefined =>
  typeof error === 'object' && error !== null && 'statusCode' in error && typeof error.statusCode === 'number'
    ? error.statusCode
    : undefined;

const errnoOf = (error: unknown): string | undefined =>
  typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;

/** The engine's own words, without dockerode's frame around them and credentials of a proxy or mirror that they name. */
export const textOf = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  const plain = text.replace(/^\(HTTP code \d+\) [^-]* - /, '').trim();
  return plain === '' ? (errnoOf(error) ?? 'no reason given') : withoutCredentials(plain);
};

const diskFull = (cause: string): Failure =>
  failure('environment', 'disk-full', 'the disk of the container engine is full', {
    hint: 'free space there, e.g. with `docker system prune`',
    cause,
  });

/** `doing` completes "could not …", e.g. `create the container`. */
export function engineFailure(error: unknown, doing: string): Failure {
  const cause = textOf(error);
  if (/no space left on device/i.test(cause)) return diskFull(cause);
  if (statusOf(error) === undefined) {
    return failure('environment', 'engine-lost', `lost the container engine: could not ${doing}`, { cause });
  }
  if (/non-overlapping IPv4 address pool/i.test(cause)) {
    const hint = 'remove networks that nobody uses, e.g. with `docker network prune`';
    return failure(
      'environment',
      'engine-refused',
      'the container engine has no address left for a network',
      { hint, cause },
    );
  }
  return failure('environment', 'engine-refused', `the container engine could not ${doing}`, { cause });
}

/** Of an image that is asked for by its id. */
export const isMissingImage = (error: unknown): boolean =>
  statusOf(error) === 404 && /no such image|image not known/i.test(textOf(error));

export const isMissingContainer = (error: unknown): boolean =>
  statusOf(error) === 404 && /no such container/i.test(textOf(error));

/** A container whose image lacks the program it is started with. */
export const isMissingProgram = (error: unknown): boolean =>
  /executable file not found|no such file or directory.*unknown|exec format error/i.test(textOf(error));

/** What a registry said through the engine, as an error of the call or inside the stream of a pull. */
export function pullFailure(error: unknown, reference: string): Failure {
  const cause = textOf(error);
  if (/no space left on device/i.test(cause)) return diskFull(cause);
  if (/no matching manifest|does not match the specified platform|no match for platform/i.test(cause)) {
    return failure(
      'environment',
      'image-platform',
      `the image ${reference} does not exist for this platform`,
      { cause },
    );
  }
  if (/unauthorized|authentication required|no basic auth/i.test(cause)) {
    const hint = 'does it need credentials?';
    return failure(
      'environment',
      'image-not-found',
      `the registry does not give out the image ${reference}`,
      { hint, cause },
    );
  }
  if (
    /not found|manifest unknown|does not exist|access denied|invalid reference|name unknown|not implemented in/i.test(
      cause,
    )
  ) {
    const hint = 'check its name and tag';
    return failure('environment', 'image-not-found', `there is no image ${reference}`, { hint, cause });
  }
  if (statusOf(error) === undefined && errnoOf(error) !== undefined)
    return engineFailure(error, `pull ${reference}`);
  return failure('environment', 'registry-unreachable', `could not pull ${reference}`, {
    hint: 'is the registry reachable from the container engine?',
    cause,
  });
}
