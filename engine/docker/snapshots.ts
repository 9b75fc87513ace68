// Images that carry a store's id → snapshots to look for, list, remove, take to another engine and bring from one.
import type { Container, ImageInspectInfo } from 'dockerode';
import type { SnapshotFiles, Snapshots } from '../../src/contract/sandbox.ts';
import { type Outcome, fail, ok } from '../../src/model/failure.ts';
import { receive } from './archive-stream.ts';
import type { HelperContext } from './cache-volumes.ts';
import {
  imageBytesLabel,
  makerLabel,
  ownerLabel,
  snapshotContainer,
  snapshotLabels,
  storeLabel,
} from './container-spec.ts';
import type { EngineLink } from './engine-link.ts';
import type { Standing } from '../owner.ts';
import { engineFailure, isMissingContainer, isMissingImage, statusOf } from './errors.ts';
import type { Images } from './images.ts';
import { loadBundle } from './load-bundle.ts';

const callMs = 60_000;
/** The engine puts the image below together too before its first byte comes. */
const saveMs = 600_000;

/** `standings`: asked anew for each list, what a process of its labels does now. */
export function snapshots(
  { link, labels, removing }: HelperContext,
  images: Images,
  standings: () => (owner: string) => Promise<Standing>,
): Snapshots {
  return {
    has(id) {
      return link.whether('look for a snapshot', callMs, [404], () => link.docker.getImage(id).inspect());
    },

    /** Those that stand on others before them: they can only go in that order. */
    async list(store) {
      const filters = { label: [`${storeLabel}=${store}`] };
      const found = await link.call('list snapshots', callMs, () =>
        link.docker.listImages({ all: true, filters }),
      );
      if (!found.ok) return found;
      const parents = new Map(found.value.map((image) => [image.Id, image.ParentId]));
      const depth = (id: string | undefined): number => (id === undefined ? 0 : 1 + depth(parents.get(id)));
      const standingOf = standings();
      const infos = found.value
        .sort((a, b) => depth(b.Id) - depth(a.Id))
        .map(async (image) => ({
          id: image.Id,
          bytes: Math.max(0, image.Size - Number(image.Labels[imageBytesLabel] ?? 0)),
          created: image.Created * 1000,
          maker: await standingOf(image.Labels[makerLabel] ?? ''),
        }));
      return ok(await Promise.all(infos));
    },

    /** Also false for one that another stands on. */
    remove(id) {
      return link.whether('remove a snapshot', callMs, [404, 409], () =>
        // Else those that it stands on would go too.
        link.docker.getImage(id).remove({ noprune: true }),
      );
    },

    async read(id) {
      const doing = 'create a container of a snapshot';
      const made = await link.attempt(doing, callMs, (abortSignal) =>
        link.docker.createContainer({ ...snapshotContainer(id, labels), abortSignal }),
      );
      if (made.ok) return ok(filesOf(link, made.value, removing));
      if ('failure' in made) return made;
      const failure = link.lossOr(engineFailure(made.error, doing));
      if (!isMissingImage(made.error)) return { ok: false, failure };
      return fail('environment', 'snapshot-missing', `the engine has no snapshot ${id} any more`);
    },

    async export(id, image) {
      const [own, base] = await Promise.all([images.info(id), images.info(image.id)]);
      if (!own.ok) return own;
      if (!base.ok) return base;
      const below = layersOf(base.value);
      const layers = layersOf(own.value);
      if (below.some((layer, at) => layer !== layers[at]))
        return unusable(`the snapshot does not stand on ${image.reference}`);
      const doing = 'save a snapshot';
      const saved = await receive(link, doing, saveMs, () => link.docker.getImage(id).get());
      const { packBundle } = await import('./bundle.ts');
      if (saved.ok) return ok(packBundle(saved.value, layers.slice(below.length)));
      if ('failure' in saved) return saved;
      return { ok: false, failure: link.lossOr(engineFailure(saved.error, doing)) };
    },

    async import(bundle, image, store) {
      const base = await images.info(image.id);
      if (!base.ok) return base;
      const { Config: config, Size: imageBytes } = base.value;
      const own = snapshotLabels(store, labels[ownerLabel] ?? '', imageBytes);
      const target = {
        layers: layersOf(base.value),
        config: { ...config, Labels: { ...config.Labels, ...own } },
      };
      const loaded = await loadBundle(link, bundle, target);
      if (!loaded.ok) return loaded;
      const info = await images.info(loaded.value);
      return info.ok ? ok({ id: info.value.Id, bytes: Math.max(0, info.value.Size - imageBytes) }) : info;
    },
  };
}

function filesOf(link: EngineLink, container: Container, removing: HelperContext['removing']): SnapshotFiles {
  let closed: Promise<unknown> | null = null;
  return {
    async get(path) {
      const doing = `read ${path} from a snapshot`;
      const got = await receive(link, doing, callMs, () => container.getArchive({ path }));
      if (got.ok || 'failure' in got) return got;
      if (statusOf(got.error) === 404 && !isMissingContainer(got.error)) return ok(null);
      return { ok: false, failure: link.lossOr(engineFailure(got.error, doing)) };
    },
    async close() {
      if (closed === null) {
        closed = link.attempt('remove a container', callMs, () => container.remove({ force: true }));
        removing(closed);
      }
      await closed;
    },
  };
}

const layersOf = (info: ImageInspectInfo): readonly string[] => info.RootFS.Layers ?? [];

const unusable = (message: string, cause?: string): Outcome<never> =>
  fail('environment', 'snapshot-unusable', message, cause === undefined ? {} : { cause });
