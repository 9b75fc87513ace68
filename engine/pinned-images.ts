// An image reference → the digest that stands in keys and results, and the engine's image for it, by what the lock file pins.
import type { Engine, Image } from '../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../src/model/failure.ts';
import { pinnedDigest, withDigest } from '../src/model/image-reference.ts';
import type { Platform } from '../src/model/plan.ts';

export interface PinnedImagesOptions {
  /** What the lock file says; null without one. */
  readonly pins: ReadonlyMap<string, string> | null;
  readonly platform: Platform;
  /** Ask the registry for what nothing pins. `never`: only look at what the engine has. */
  readonly pull: boolean | 'never';
  /** A missing entry is an error there, elsewhere a notice. */
  readonly onCi: boolean;
  /** Called only where the engine must be asked. */
  readonly engine: () => Promise<Outcome<Engine>>;
  /** Once for each reference that the lock file lacks. */
  readonly notice: (code: string, message: string) => void;
}

/** One for each run: a reference means the same image from its first use to the run's end. */
export interface PinnedImages {
  /** Without the engine where the reference or the lock file pins it, without a pull where its registry tells. Failures as of `image`. */
  digest(reference: string, signal: AbortSignal): Promise<Outcome<string>>;
  /**
   * Found, or pulled by its digest: the tag does not matter then. Failures: those of `Engine.image`, told in words of
   * the lock file; `image-not-locked` (kind `pipeline`: the job's reason is `configuration`).
   */
  image(reference: string, signal: AbortSignal): Promise<Outcome<Image>>;
  /** For a run on CI that has not begun: why these cannot be used, kind `usage`, all in one; null when nothing is missing. */
  missing(references: Iterable<string>, signal: AbortSignal): Promise<Failure | null>;
}

export function pinImages(options: PinnedImagesOptions): PinnedImages {
  const { pins, platform, pull, engine } = options;
  /** What the run itself found for references that nothing pins. */
  const found = new Map<string, Image>();
  /** And what a registry serves for those that the engine has not got: which holds if they are needed after all. */
  const served = new Map<string, string>();
  const asking = new Map<string, Promise<string | null>>();
  const told = new Set<string>();

  const ask = async (name: string, pulled: typeof pull, signal: AbortSignal): Promise<Outcome<Image>> => {
    const asked = await engine();
    return asked.ok ? asked.value.image(name, { platform, pull: pulled, signal }) : asked;
  };

  /** Of two jobs that asked at once the first answer holds for both. */
  const keep = (reference: string, image: Image): Image => {
    const first = found.get(reference) ?? image;
    found.set(reference, first);
    return first;
  };

  const findLocked = async (reference: string, digest: string, signal: AbortSignal) => {
    const image = await ask(withDigest(reference, digest), false, signal);
    if (!image.ok) return { ok: false as const, failure: inWordsOfTheLock(image.failure, reference, digest) };
    if (image.value.digest === digest) return ok({ ...image.value, reference });
    return fail(
      'environment',
      'image-digest',
      `the lock file pins ${reference} to ${digest}, and the engine gave ${image.value.digest}`,
      { hint: `to take what the registry has now: lockstep lock --update ${reference}` },
    );
  };

  const findFree = async (reference: string, signal: AbortSignal): Promise<Outcome<Image>> => {
    const before = found.get(reference);
    if (before !== undefined) {
      const name = before.published ? withDigest(reference, before.digest) : before.id;
      const again = await ask(name, false, signal);
      return again.ok ? ok({ ...before, id: again.value.id }) : again;
    }
    const latest = await ask(reference, pull, signal);
    const meant = served.get(reference);
    const image =
      meant === undefined || !latest.ok || latest.value.digest === meant
        ? latest
        : await ask(withDigest(reference, meant), false, signal);
    if (!image.ok) return image;
    if (pins !== null && image.value.published && pinnedDigest(reference) === null) {
      const failure = notLocked([reference]);
      if (options.onCi) return { ok: false, failure };
      if (!told.has(reference)) options.notice('image-not-locked', `${failure.message}; ${failure.hint}`);
      told.add(reference);
    }
    return ok(keep(reference, { ...image.value, reference }));
  };

  /** Of what is here, else of what its registry serves; null: neither says. */
  const askDigest = async (reference: string, signal: AbortSignal): Promise<string | null> => {
    const here = await ask(reference, 'never', signal);
    if (here.ok) return keep(reference, here.value).digest;
    if (here.failure.code !== 'image-not-found') return null;
    const asked = await engine();
    const digest = asked.ok ? await asked.value.registryDigest(reference, signal) : asked;
    if (!digest.ok || digest.value === null) return null;
    const first = found.get(reference)?.digest ?? served.get(reference) ?? digest.value;
    served.set(reference, first);
    return first;
  };
  const freeDigest = (reference: string, signal: AbortSignal): Promise<string | null> => {
    const asked =
      asking.get(reference) ?? askDigest(reference, signal).finally(() => asking.delete(reference));
    asking.set(reference, asked);
    return asked;
  };

  const image = (reference: string, signal: AbortSignal): Promise<Outcome<Image>> => {
    const digest = pinnedDigest(reference) === null ? pins?.get(reference) : undefined;
    return digest === undefined ? findFree(reference, signal) : findLocked(reference, digest, signal);
  };

  return {
    image,
    async digest(reference, signal) {
      const known =
        pinnedDigest(reference) ??
        pins?.get(reference) ??
        found.get(reference)?.digest ??
        served.get(reference);
      if (known !== undefined) return ok(known);
      // A machine without a past would pull every image for jobs of which all is recorded.
      const digest = pins === null && pull === false ? await freeDigest(reference, signal) : null;
      if (digest !== null) return ok(digest);
      const asked = await image(reference, signal);
      return asked.ok ? ok(asked.value.digest) : asked;
    },
    async missing(references, signal) {
      if (pins === null || !options.onCi) return null;
      const unpinned = [...new Set(references)].filter((one) => pinnedDigest(one) === null && !pins.has(one));
      const asked = await Promise.all(
        unpinned.map(async (reference) => ({ reference, outcome: await findFree(reference, signal) })),
      );
      // What is not found, its job tells: that is the environment.
      const lacking = asked.filter(
        ({ outcome }) => !outcome.ok && outcome.failure.code === 'image-not-locked',
      );
      if (lacking.length === 0) return null;
      return { ...notLocked(lacking.map(({ reference }) => reference)), kind: 'usage' };
    },
  };
}

const notLocked = (references: readonly string[]): Failure & { readonly hint: string } => ({
  ...fail('pipeline', 'image-not-locked', `lockstep.lock does not pin ${references.join(', ')}`).failure,
  hint: 'add what is missing: lockstep lock',
});

/** The registry and the engine talk of a digest that nobody wrote in the pipeline file. */
function inWordsOfTheLock(failure: Failure, reference: string, digest: string): Failure {
  const update = `to pin what the registry has now: lockstep lock --update ${reference}`;
  switch (failure.code) {
    case 'image-not-found':
      return {
        ...failure,
        message: `lockstep.lock pins ${reference} to ${digest}, which its registry does not have`,
        hint: update,
      };
    case 'image-platform':
      return {
        ...failure,
        message: `lockstep.lock pins ${reference} to ${digest}: ${failure.message}`,
        hint: update,
      };
    default:
      return failure;
  }
}
