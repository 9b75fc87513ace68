// A reference → an image that the engine has, pulled where it must be.
import type { ImageInspectInfo } from 'dockerode';
import type { Image } from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import { pinnedDigest } from '../../src/model/image-reference.ts';
import type { Platform } from '../../src/model/plan.ts';
import type { EngineLink } from './engine-link.ts';
import { engineFailure, pullFailure, statusOf } from './errors.ts';

export interface ImageRequest {
  readonly platform: Platform;
  readonly pull: boolean | 'never';
  readonly signal: AbortSignal;
}

const inspectMs = 30_000;
/** A pull may take long, but not without a sign of life. */
const silenceMs = 60_000;

/** As the engine writes repositories in RepoDigests: without tag, digest and Docker Hub's own name. */
export function repositoryOf(reference: string): string {
  const bare = reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '');
  return bare.replace(/^(index\.)?docker\.io\//, '').replace(/^library\//, '');
}

/** The digest under which the reference's registry serves the image; null where no registry is known to. */
export function publishedDigest(
  reference: string,
  { RepoDigests }: { readonly RepoDigests?: readonly string[] | null },
): string | null {
  const repository = repositoryOf(reference);
  const entry = RepoDigests?.find((candidate) => repositoryOf(candidate) === repository);
  return pinnedDigest(reference) ?? entry?.slice(entry.indexOf('@') + 1) ?? null;
}

const platformOf = (info: Pick<ImageInspectInfo, 'Os' | 'Architecture'>): string =>
  `${info.Os}/${info.Architecture}`;

/** It becomes part of a path of the engine's API, which must stay the path that was meant. */
export const looksLikeReference = (reference: string): boolean =>
  /^[a-z0-9][\w.:@/-]*$/i.test(reference) && !reference.includes('..');

export const notAReference = (reference: string): Outcome<never> =>
  fail('environment', 'image-not-found', `${JSON.stringify(reference)} is no image reference`, {
    hint: 'e.g. debian:bookworm-slim or registry.example/name@sha256:…',
  });

function otherPlatform(
  reference: string,
  info: ImageInspectInfo,
  wanted: Platform,
  pull?: Failure,
): Outcome<never> {
  const message = `the image ${reference} is for ${platformOf(info)}, not ${wanted}`;
  const cause = pull === undefined ? undefined : `${pull.message}: ${pull.cause ?? ''}`;
  return fail('environment', 'image-platform', message, cause === undefined ? {} : { cause });
}

/** One for each engine: two that ask for the same image at once pull it once. */
export class Images {
  readonly #link: EngineLink;
  readonly #pulls = new Map<string, Promise<Outcome<void>>>();
  readonly #inspected = new Map<string, ImageInspectInfo>();

  constructor(link: EngineLink) {
    this.#link = link;
  }

  async find(reference: string, { platform, pull, signal }: ImageRequest): Promise<Outcome<Image>> {
    if (!looksLikeReference(reference)) return notAReference(reference);
    const here: Outcome<ImageInspectInfo | null> = pull === true ? ok(null) : await this.#inspect(reference);
    if (!here.ok) return here;
    if (here.value !== null && platformOf(here.value) === platform)
      return ok(this.#image(reference, here.value));
    if (pull === 'never') {
      if (here.value !== null) return otherPlatform(reference, here.value, platform);
      return fail('environment', 'image-not-found', `the engine does not have the image ${reference} yet`);
    }
    const pulled = await this.#pullOnce(reference, platform, signal);
    if (!pulled.ok)
      return here.value === null ? pulled : otherPlatform(reference, here.value, platform, pulled.failure);
    const info = await this.#inspect(reference);
    if (!info.ok) return info;
    if (info.value === null) {
      return fail('environment', 'image-not-found', `the engine pulled ${reference} and does not have it`);
    }
    if (platformOf(info.value) === platform) return ok(this.#image(reference, info.value));
    return otherPlatform(reference, info.value, platform);
  }

  /** What the image says of itself: user, ports, health check. */
  async info(id: string): Promise<Outcome<ImageInspectInfo>> {
    const known = this.#inspected.get(id);
    if (known !== undefined) return ok(known);
    const found = await this.#inspect(id);
    if (!found.ok) return found;
    if (found.value === null)
      return fail('environment', 'image-not-found', `the engine has no image ${id} any more`);
    this.#inspected.set(id, found.value);
    return ok(found.value);
  }

  #image(reference: string, info: ImageInspectInfo): Image {
    this.#inspected.set(info.Id, info);
    const published = publishedDigest(reference, info);
    // Null in what the engine answers where the image declares none.
    const { Volumes: volumes } = info.Config as { readonly Volumes?: object | null };
    return {
      reference,
      id: info.Id,
      digest: published ?? info.Id,
      published: published !== null,
      hasVolumes: Object.keys(volumes ?? {}).length > 0,
    };
  }

  async #inspect(reference: string): Promise<Outcome<ImageInspectInfo | null>> {
    const doing = `inspect the image ${reference}`;
    const tried = await this.#link.attempt(doing, inspectMs, () =>
      this.#link.docker.getImage(reference).inspect(),
    );
    if (tried.ok || 'failure' in tried) return tried;
    if (statusOf(tried.error) === 404) return ok(null);
    if (statusOf(tried.error) === 400) return { ok: false, failure: pullFailure(tried.error, reference) };
    return { ok: false, failure: this.#link.lossOr(engineFailure(tried.error, doing)) };
  }

  async #pullOnce(reference: string, platform: Platform, signal: AbortSignal): Promise<Outcome<void>> {
    const key = `${platform} ${reference}`;
    const running = this.#pulls.get(key) ?? this.#pull(reference, platform);
    this.#pulls.set(key, running);
    // One that came stays for the run, or a tag that moves would give it two images; one that failed may be tried again.
    void running.then((pulled) => pulled.ok || this.#pulls.delete(key));
    // Whoever is cancelled stops waiting; others may still want the image.
    const cancelled = fail('environment', 'cancelled', `cancelled while pulling ${reference}`);
    if (signal.aborted) return cancelled;
    const { promise, resolve } = Promise.withResolvers<Outcome<void>>();
    const cancel = (): void => resolve(cancelled);
    signal.addEventListener('abort', cancel);
    try {
      return await Promise.race([running, promise]);
    } finally {
      signal.removeEventListener('abort', cancel);
    }
  }

  async #pull(reference: string, platform: Platform): Promise<Outcome<void>> {
    const over = new AbortController();
    const silent = (): Failure =>
      fail(
        'environment',
        'registry-unreachable',
        `nothing came for ${silenceMs / 1000} s while pulling ${reference}`,
      ).failure;
    let timer = setTimeout(() => over.abort(silent()), silenceMs);
    const lose = (): void => over.abort(this.#link.lost.reason);
    this.#link.lost.addEventListener('abort', lose);
    try {
      const progress = await this.#link.docker.pull(reference, {
        platform,
        abortSignal: over.signal,
      });
      over.signal.addEventListener(
        'abort',
        () => 'destroy' in progress && (progress as { destroy(): void }).destroy(),
      );
      let text = '';
      progress.setEncoding('utf8');
      for await (const chunk of progress as AsyncIterable<string>) {
        clearTimeout(timer);
        timer = setTimeout(() => over.abort(silent()), silenceMs);
        const lines = (text + chunk).split('\n');
        text = lines.pop() ?? '';
        const bad = lines.map(errorIn).find((error) => error !== undefined);
        if (bad !== undefined) return { ok: false, failure: pullFailure(bad, reference) };
      }
      const bad = errorIn(text);
      return bad === undefined ? ok(undefined) : { ok: false, failure: pullFailure(bad, reference) };
    } catch (error) {
      if (over.signal.aborted) return { ok: false, failure: over.signal.reason as Failure };
      return { ok: false, failure: this.#link.lossOr(pullFailure(error, reference)) };
    } finally {
      clearTimeout(timer);
      this.#link.lost.removeEventListener('abort', lose);
    }
  }
}

/** A pull that fails half-way still answers 200 and says so in its stream. */
function errorIn(line: string): string | undefined {
  if (line.trim() === '') return undefined;
  return (JSON.parse(line) as { readonly error?: string }).error;
}
