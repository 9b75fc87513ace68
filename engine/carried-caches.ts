// Cache directories in a cache store ↔ volumes of an engine that lives for one job.
//
// Names: `lockstep-v1/cache/CACHE/PLATFORM/` and the digest of the key files, or of the content where there are none. A
// volume is seeded before the first job that mounts it, and saved when all jobs are through: nobody writes into it then.
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { CacheStore } from '../src/contract/cache-store.ts';
import type { CacheMount, Engine, Image } from '../src/contract/sandbox.ts';
import type { Outcome } from '../src/model/failure.ts';
import { canonicalJson } from '../src/model/json.ts';
import type { PlannedCache, Platform } from '../src/model/plan.ts';
import type { JobResult } from '../src/model/result.ts';
import { treeDigest } from '../src/model/tree.ts';
import { Broken, readPackFile, writePackFile } from './cache/pack-file.ts';
import { short } from './carried-packs.ts';
import { putFile, takes, type CarriedNotice } from './carried-put.ts';
import { visibleEntries, type SourceTree } from './source-tree.ts';
import { readTar, type TarEntry } from './tar-reader.ts';

export interface CarriedCachesOptions {
  readonly cache: CacheStore;
  /** What tells this repository from others that use the same place. */
  readonly scope: string;
  readonly platform: Platform;
  readonly source: SourceTree;
  readonly engine: () => Promise<Outcome<Engine>>;
  /** False: the caches are to be empty. */
  readonly seeds: boolean;
  readonly newFile: () => string;
  readonly tell: (notice: CarriedNotice) => void;
}

export interface CarriedCaches {
  /** Before a job opens its sandbox. Those who come while a volume is being seeded wait for it. */
  seed(caches: readonly PlannedCache[], mounts: readonly CacheMount[], image: Image): Promise<void>;
  /** A job that had them ended so. */
  used(caches: readonly PlannedCache[], mounts: readonly CacheMount[], status: JobResult['status']): void;
  /** When all jobs are through. */
  save(): Promise<void>;
}

interface Carried {
  readonly mount: CacheMount;
  /** Any with a shell. */
  readonly image: Image;
  readonly prefix: string;
  /** Null: the content's digest decides. */
  readonly exact: string | null;
  /** What it was seeded with. */
  readonly seeded: Promise<string | null>;
  toSave: boolean;
}

const part = 'cache';

export function carriedCaches(options: CarriedCachesOptions): CarriedCaches {
  const { cache, engine, seeds, newFile, tell } = options;
  const volumes = new Map<string, Carried>();

  const unusable = (message: string): void => tell({ level: 'warning', code: 'cache-unusable', message });

  /** False also where the engine does not tell. */
  const isMissing = async (volume: string): Promise<boolean> => {
    const asked = await engine();
    const found = asked.ok ? await asked.value.caches.has(volume) : asked;
    return found.ok && found.value === 'none';
  };

  const fill = async ({ mount, image }: Pick<Carried, 'mount' | 'image'>, file: string): Promise<boolean> => {
    const asked = await engine();
    if (!asked.ok) return false;
    const refuse = (why: string): boolean => {
      unusable(`the cache ${mount.cache} from ${cache.name} is not used: ${why}`);
      return false;
    };
    const content = await wholeCache(file);
    if (typeof content === 'string') return refuse(content);
    const filled = await asked.value.caches.fill(mount, image, content());
    return filled.ok || refuse(filled.failure.message);
  };

  const seedOne = async (
    carried: Pick<Carried, 'mount' | 'image' | 'prefix' | 'exact'>,
  ): Promise<string | null> => {
    if (!seeds || !(await isMissing(carried.mount.volume))) return null;
    const file = newFile();
    const { exact: key, prefix } = carried;
    const answer = await cache.get({ ...(key !== null && { key }), prefixes: [prefix] }, file);
    if (answer.kind === 'miss' && answer.damaged !== undefined) unusable(answer.damaged);
    const filled = answer.kind === 'hit' && (await fill(carried, file));
    await rm(file, { force: true });
    return filled ? answer.key : null;
  };

  const saveOne = async ({ mount, image, prefix, exact, seeded }: Carried): Promise<void> => {
    const before = await seeded;
    if ((exact !== null && before === exact) || !takes(cache, tell)) return;
    if (exact !== null && (await cache.look({ key: exact })).kind !== 'miss') return;
    const asked = await engine();
    const content = asked.ok ? await asked.value.caches.read(mount.volume, image) : asked;
    if (!content.ok || content.value === null) return;
    const file = newFile();
    const digest = await packCache(content.value, file);
    const key = exact ?? `${prefix}content-${digest ?? ''}`;
    if (digest !== null && key !== before) await putFile(cache, key, file, tell);
    await rm(file, { force: true });
  };

  return {
    async seed(caches, mounts, image) {
      for (const { name, key } of caches) {
        const mount = mounts.find((one) => one.cache === name);
        if (mount === undefined) continue;
        if (!volumes.has(mount.volume)) {
          const names = cacheNames(options, name, key);
          const seeded = seedOne({ mount, image, ...names });
          volumes.set(mount.volume, { mount, image, ...names, seeded, toSave: false });
        }
      }
      await Promise.all(mounts.map(async ({ volume }) => volumes.get(volume)?.seeded));
    },
    used(caches, mounts, status) {
      for (const { name, save } of caches) {
        const mount = mounts.find((one) => one.cache === name);
        const carried = mount && volumes.get(mount.volume);
        if (carried) carried.toSave ||= save === 'always' || (save === 'success' && status === 'success');
      }
    },
    async save() {
      for (const carried of volumes.values()) if (carried.toSave) await saveOne(carried);
    },
  };
}

function cacheNames(
  { scope, platform, source }: CarriedCachesOptions,
  name: string,
  globs: readonly string[],
): Pick<Carried, 'prefix' | 'exact'> {
  const prefix = `lockstep-v1/cache/${short(canonicalJson([scope, name]))}/${platform.replace('/', '-')}/`;
  const files = globs.length === 0 ? [] : visibleEntries(source, globs);
  // Without a file the key would never change, and the first thing saved would stay for ever.
  return { prefix, exact: files.length === 0 ? null : `${prefix}files-${short(treeDigest(files))}` };
}

/** Its tar, after all of it was read once: half a cache is worse than none. A string: what is wrong with it. */
async function wholeCache(file: string): Promise<string | (() => AsyncIterable<Uint8Array>)> {
  try {
    const pack = await readPackFile(file);
    const content = pack.parts.get(part);
    if (content === undefined) return 'it is no cache';
    const chunks = pack.read(content);
    while ((await chunks.next()).done !== true);
    return () => pack.read(content);
  } catch (error) {
    if (error instanceof Broken) return error.message;
    throw error;
  }
}

/** The digest of what the tar holds, whatever its order and times; null: it is empty, not whole, or too large. Rejects with what the disk says. */
async function packCache(tar: AsyncIterable<Uint8Array>, file: string): Promise<string | null> {
  const cut: { error?: unknown } = {};
  try {
    await using pack = await writePackFile(file);
    await pack.add(part, untilError(tar, cut));
    await pack.finish(null);
  } catch (error) {
    if (error instanceof Broken) return null;
    throw error;
  }
  const packed = await readPackFile(file);
  const content = packed.parts.get(part);
  if (content === undefined || 'error' in cut) return null;
  const lines: string[] = [];
  for await (const item of readTar(packed.read(content))) {
    if (item.type === 'broken') return null;
    if (!isRoot(item)) lines.push(await lineOf(item));
  }
  return lines.length === 0 ? null : short(lines.sort().join('\n'));
}

const isRoot = ({ type, name }: TarEntry): boolean => type === 'folder' && /^(\.\/)*\.?$/.test(name);

async function lineOf({ type, name, target, executable, content }: TarEntry): Promise<string> {
  const seen = createHash('sha256');
  for await (const chunk of content) seen.update(chunk);
  return JSON.stringify([name, type, executable, target, seen.digest('hex')]);
}

async function* untilError(
  stream: AsyncIterable<Uint8Array>,
  cut: { error?: unknown },
): AsyncGenerator<Uint8Array> {
  try {
    yield* stream;
  } catch (error) {
    cut.error = error;
  }
}
