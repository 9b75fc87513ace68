// A reference → the digest under which its registry serves it now, without a pull.
// https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Distribution
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import type { EngineLink } from './engine-link.ts';
import { pullFailure } from './errors.ts';
import { looksLikeReference, notAReference } from './images.ts';

/** The engine itself gives a registry that does not answer 25 s. */
const answerMs = 60_000;

/** Null when no registry serves it, or none gives it to us. Failures: `registry-unreachable`, `engine-lost`, `cancelled`. */
export async function registryDigest(
  link: EngineLink,
  reference: string,
  signal: AbortSignal,
): Promise<Outcome<string | null>> {
  if (!looksLikeReference(reference)) return notAReference(reference);
  const { promise, resolve } = Promise.withResolvers<null>();
  const cancel = (): void => resolve(null);
  signal.addEventListener('abort', cancel);
  if (signal.aborted) cancel();
  try {
    const asked = link.attempt(`ask the registry for ${reference}`, answerMs, () =>
      link.docker.getImage(reference).distribution(),
    );
    const answer = await Promise.race([promise, asked]);
    if (answer === null) return fail('environment', 'cancelled', `cancelled while asking for ${reference}`);
    if (answer.ok) return ok(answer.value.Descriptor.digest);
    if ('failure' in answer) return link.lost.aborted ? answer : silent(reference);
    const failure = link.lossOr(pullFailure(answer.error, reference));
    return failure.code === 'image-not-found'
      ? ok(null)
      : { ok: false, failure: unreachable(failure, reference) };
  } finally {
    signal.removeEventListener('abort', cancel);
  }
}

const silent = (reference: string): Outcome<never> =>
  fail(
    'environment',
    'registry-unreachable',
    `the registry of ${reference} did not answer within ${answerMs / 1000} s`,
  );

const unreachable = (failure: Failure, reference: string): Failure =>
  failure.code === 'registry-unreachable'
    ? { ...failure, message: `could not ask the registry for ${reference}` }
    : failure;
