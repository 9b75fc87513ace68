// Image references → the digests under which their registries serve them now.
import type { Engine } from '../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../src/model/failure.ts';
import type { Platform } from '../src/model/plan.ts';
import { createPool } from './worker-pool.ts';

export interface RegistryDigests {
  readonly digests: ReadonlyMap<string, string>;
  /** Images that the engine has and that no registry serves. */
  readonly unserved: readonly string[];
  readonly failures: readonly Failure[];
}

/** Registries count questions. */
const atOnce = 4;

/**
 * Asks for all, whatever comes of one. Failures: `registry-unreachable`, `engine-lost`; `image-not-found`, of kind
 * `usage` where nobody has such an image, `environment` where a registry once gave it out.
 */
export async function askRegistries(
  engine: Engine,
  references: readonly string[],
  platform: Platform,
  signal: AbortSignal,
): Promise<RegistryDigests> {
  const pool = createPool(atOnce);
  const answers = await Promise.all(
    references.map((reference) =>
      pool(async () => ({ reference, answer: await ask(engine, reference, platform, signal) })),
    ),
  );
  const digests = new Map<string, string>();
  const unserved: string[] = [];
  const failures: Failure[] = [];
  for (const { reference, answer } of answers) {
    if (!answer.ok) failures.push(answer.failure);
    else if (answer.value === null) unserved.push(reference);
    else digests.set(reference, answer.value);
  }
  return { digests, unserved, failures };
}

/** Null: made on this machine. */
async function ask(
  engine: Engine,
  reference: string,
  platform: Platform,
  signal: AbortSignal,
): Promise<Outcome<string | null>> {
  const digest = await engine.registryDigest(reference, signal);
  if (!digest.ok || digest.value !== null) return digest;
  const here = await engine.image(reference, { platform, pull: false, signal });
  if (here.ok && !here.value.published) return ok(null);
  if (here.ok) {
    return fail('environment', 'image-not-found', `the registry does not give out the image ${reference}`, {
      hint: 'was it removed there, or does it need credentials?',
    });
  }
  if (here.failure.code !== 'image-not-found') return here;
  return { ok: false, failure: { ...here.failure, kind: 'usage' } };
}
