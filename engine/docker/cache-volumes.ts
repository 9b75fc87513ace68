// Volumes of the engine that carry a store's id → caches to list, remove, read and fill.
import { Readable } from 'node:stream';
import type { CacheMount, CacheVolumes, Image } from '../../src/contract/sandbox.ts';
import { type Outcome, ok } from '../../src/model/failure.ts';
import { receive, sendTar } from './archive-stream.ts';
import {
  type Labels,
  cacheContainer,
  cacheFolder,
  cacheLabel,
  fillsLabel,
  storeLabel,
} from './container-spec.ts';
import type { EngineLink } from './engine-link.ts';
import { engineFailure } from './errors.ts';
import { peekRoot } from './root-folder.ts';

export interface HelperContext {
  readonly link: EngineLink;
  /** Of what is there only for a call: when this process dies meanwhile, a sweep removes it. */
  readonly labels: Labels;
  /** Told of what goes on after the call that began it. */
  readonly removing: (removal: Promise<unknown>) => void;
}

const callMs = 60_000;

export function cacheVolumes({ link, labels, removing }: HelperContext): CacheVolumes {
  const exists = (volume: string): Promise<Outcome<boolean>> =>
    link.whether('look for a volume', callMs, [404], () => link.docker.getVolume(volume).inspect());

  const remove = (volume: string): Promise<Outcome<boolean>> =>
    link.whether(`remove the volume ${volume}`, callMs, [404, 409], () =>
      link.docker.getVolume(volume).remove(),
    );

  /** The id of a container that is never started: its volume is within reach all the same. */
  async function mount(cache: CacheMount, image: Image, use: 'read' | 'fill'): Promise<Outcome<string>> {
    const made = await link.call('create a container for a cache', callMs, (abortSignal) =>
      link.docker.createContainer({ ...cacheContainer(image.id, cache, labels, use), abortSignal }),
    );
    return made.ok ? ok(made.value.id) : made;
  }

  const unmount = (id: string): Promise<unknown> =>
    link.attempt('remove a container', callMs, () => link.docker.getContainer(id).remove({ force: true }));

  /** Ids of the containers through which the volume is being filled, or was when a process died. */
  async function fillers(volume: string): Promise<Outcome<readonly string[]>> {
    const filters = { label: [`${fillsLabel}=${volume}`] };
    const found = await link.call('look who fills a volume', callMs, () =>
      link.docker.listContainers({ all: true, filters }),
    );
    return found.ok ? ok(found.value.map(({ Id }) => Id)) : found;
  }

  return {
    remove,

    async has(volume) {
      const there = await exists(volume);
      if (!there.ok) return there;
      if (!there.value) return ok('none');
      const filling = await fillers(volume);
      return filling.ok ? ok(filling.value.length > 0 ? 'filling' : 'whole') : filling;
    },

    async list(store) {
      const filters = { label: [`${storeLabel}=${store}`, cacheLabel] };
      const found = await link.call('list volumes', callMs, () => link.docker.listVolumes({ filters }));
      if (!found.ok) return found;
      const volumes = found.value.Volumes;
      const sizes = volumes.length === 0 ? new Map<string, number>() : await volumeSizes(link);
      return ok(
        volumes.map((volume) => ({
          volume: volume.Name,
          cache: volume.Labels[cacheLabel] ?? '',
          created: 'CreatedAt' in volume ? Date.parse(String(volume.CreatedAt)) : 0,
          bytes: sizes.get(volume.Name) ?? -1,
        })),
      );
    },

    async read(volume, image) {
      const found = await exists(volume);
      if (!found.ok) return found;
      if (!found.value) return ok(null);
      const mounted = await mount({ volume, path: cacheFolder, cache: '', store: '' }, image, 'read');
      if (!mounted.ok) return mounted;
      const container = link.docker.getContainer(mounted.value);
      const doing = `read the volume ${volume}`;
      const got = await receive(link, doing, callMs, () =>
        container.getArchive({ path: `${cacheFolder}/.` }),
      );
      if (got.ok) {
        got.value.once('close', () => removing(unmount(mounted.value)));
        return got;
      }
      removing(unmount(mounted.value));
      return 'failure' in got ? got : { ok: false, failure: link.lossOr(engineFailure(got.error, doing)) };
    },

    async fill(cache, image, tar) {
      const half = await fillers(cache.volume);
      if (!half.ok) return half;
      if (half.value.length > 0) {
        await Promise.all(half.value.map(unmount));
        await remove(cache.volume);
      }
      const before = await exists(cache.volume);
      if (!before.ok) return before;
      const mounted = await mount(cache, image, 'fill');
      if (!mounted.ok) return mounted;
      let filled = false;
      try {
        const { root, tar: whole } = await peekRoot(tar, cacheFolder.slice(1));
        const parts = [
          ...(root === null ? [] : [{ path: '/', tar: Readable.from([root]) }]),
          { path: cacheFolder, tar: whole },
        ];
        for (const part of parts) {
          const sent = await sendTar(link, { id: mounted.value, path: part.path }, part.tar);
          if (sent.ok) continue;
          if ('failure' in sent) return sent;
          const failure = engineFailure(sent.error, `fill the cache ${cache.cache}`);
          return { ok: false, failure: link.lossOr(failure) };
        }
        filled = true;
        return ok(undefined);
      } finally {
        await unmount(mounted.value);
        // Half a cache is worse than none, but what was there before is not ours to take away.
        if (!filled && !before.value) await remove(cache.volume);
      }
    },
  };
}

/** Bytes by name; the engine tells only when it looks at everything it has. */
async function volumeSizes(link: EngineLink): Promise<ReadonlyMap<string, number>> {
  interface Usage {
    readonly Volumes?: readonly {
      readonly Name: string;
      readonly UsageData?: { readonly Size: number } | null;
    }[];
  }
  const usage = await link.attempt('add up what it holds', callMs, () => link.docker.df() as Promise<Usage>);
  const volumes = usage.ok ? (usage.value.Volumes ?? []) : [];
  return new Map(volumes.map((one) => [one.Name, one.UsageData?.Size ?? -1]));
}
