// Cache directories that are not there yet → copies of those of scopes that are trusted more.
import type { RecordStore } from '../src/contract/record-store.ts';
import type { CacheMount, Engine, Image } from '../src/contract/sandbox.ts';
import { fail, type Outcome } from '../src/model/failure.ts';

export interface CacheSeederOptions {
  readonly store: Pick<RecordStore, 'lock'>;
  readonly engine: () => Promise<Outcome<Engine>>;
  /** For people: a directory begins empty. */
  readonly tell: (message: string) => unknown;
}

/** Before a job opens its sandbox. What cannot be copied begins empty; nothing rejects for what the world does. */
export type CacheSeeder = (mounts: readonly CacheMount[], image: Image, signal: AbortSignal) => Promise<void>;

/** Each volume is looked at once; who comes meanwhile waits for it. */
export function cacheSeeder({ store, engine, tell }: CacheSeederOptions): CacheSeeder {
  const seeded = new Map<string, Promise<void>>();

  const seed = async (mount: CacheMount, image: Image, signal: AbortSignal): Promise<void> => {
    const asked = await engine();
    if (!asked.ok) return;
    const there = await asked.value.caches.has(mount.volume);
    if (!there.ok || there.value === 'whole') return;
    const source = await firstThere(asked.value, mount.from ?? []);
    // Who began to fill it died.
    const tar = source ?? (there.value === 'filling' ? emptyTar() : null);
    const isStopped = (): boolean => signal.aborted;
    if (tar === null || isStopped()) return;
    const filled = await fill(asked.value, mount, image, tar, signal);
    if (!filled.ok && !isStopped())
      await tell(`the cache ${mount.cache} begins empty: ${filled.failure.message}`);
  };

  const firstThere = async ({ caches }: Engine, volumes: readonly string[]) => {
    for (const volume of volumes) {
      const there = await caches.has(volume);
      if (there.ok && there.value === 'whole') return volume;
    }
    return null;
  };

  /** One at a time, in all processes: another would take what is half there for a cache. */
  const seedAlone = async (mount: CacheMount, image: Image, signal: AbortSignal): Promise<void> => {
    const lock = mount.store === null ? null : await store.lock(`seed ${mount.volume}`, signal);
    try {
      await seed(mount, image, signal);
    } finally {
      await lock?.release();
    }
  };

  return async (mounts, image, signal) => {
    const copies = mounts.filter(({ from = [] }) => from.length > 0);
    await Promise.all(
      copies.map((mount) => {
        const work = seeded.get(mount.volume) ?? seedAlone(mount, image, signal);
        seeded.set(mount.volume, work);
        return work;
      }),
    );
  };
}

/** `source`: another volume, or a tar. */
async function fill(
  { caches }: Engine,
  mount: CacheMount,
  image: Image,
  source: string | AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<Outcome<void>> {
  const tar =
    typeof source === 'string' ? await caches.read(source, image) : { ok: true as const, value: source };
  if (!tar.ok) return tar;
  try {
    return await caches.fill(mount, image, untilAborted(tar.value ?? emptyTar(), signal));
  } catch (error) {
    return fail('environment', 'cache-unusable', error instanceof Error ? error.message : String(error));
  }
}

async function* untilAborted(
  tar: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of tar) {
    signal.throwIfAborted();
    yield chunk;
  }
}

async function* emptyTar(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(new Uint8Array(1024));
}
