// A reference → an image that the engine has, pulled where it must be.
import type { ImageInspectInfo } from 'dockerode';
import type { Image } from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import type { Platform } from '../../src/model/plan.ts';
import type { EngineLink } from './engine-link.ts';
import { engineFailure, pullFailure, statusOf } from './errors.ts';

export interface ImageRequest {
  readonly platform: Platform;
  readonly pull: boolean;
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

/** The digest under which the reference's registry serves the image; its id where no registry does. */
export function digestOf(reference: string, info: Pick<ImageInspectInfo, 'Id' | 'RepoDigests'>): string {
  const repository = repositoryOf(reference);
  const pinned = /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1];
  if (pinned !== undefined) return pinned;
  // An image made on this machine may have a null there.
  const entries = (info.RepoDigests as readonly string[] | null) ?? [];
  const entry = entries.find((candidate) => repositoryOf(candidate) === repository);
  return entry?.slice(entry.indexOf('@') + 1) ?? info.Id;
}

const platformOf = (info: Pick<ImageInspectInfo, 'Os' | 'Architecture'>): string =>
  `${info.Os}/${info.Architecture}`;

/** It becomes part of a path of the engine's API, which must stay the path that was meant. */
const looksLikeReference = (reference: string): boolean =>
  /^[a-z0-9][\w.:@/-]*$/i.test(reference) && !reference.includes('..');

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
    if (!looksLikeReference(reference)) {
      return fail('environment', 'image-not-found', `${JSON.stringify(reference)} is no image reference`, {
        hint: 'e.g. debian:bookworm-slim or registry.example/name@sha256:…',
      });
    }
    const here: Outcome<ImageInspectInfo | null> = pull ? ok(null) : await this.#inspect(reference);
    if (!here.ok) return here;
    if (here.value !== null && platformOf(here.value) === platform)
      return ok(this.#image(reference, here.value));
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
    return { reference, id: info.Id, digest: digestOf(reference, info) };
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
