// What dead runs left in the engine → gone. Only what carries our labels, and only when its owner is surely dead.
import type { ContainerInfo } from 'dockerode';
import type { Outcome } from '../../src/model/failure.ts';
import { fillsLabel, ownerLabel, runLabel, serviceLabel, storeLabel } from './container-spec.ts';
import type { EngineLink } from './engine-link.ts';
import { type Owner, type Standing, standings } from '../owner.ts';

export interface Leftover {
  readonly kind: 'container' | 'network' | 'volume';
  readonly labels: Readonly<Record<string, string>>;
  /** Seconds since the epoch. */
  readonly created: number;
  /** Only a container is. */
  readonly running: boolean;
}

const foreignAgeSeconds = 24 * 3600;
const callMs = 60_000;

/**
 * Whose owner cannot be looked at from here must be old, and nothing of its run may be alive, or its run one of `ended`. The
 * store's label keeps what outlives runs; a container only inherits it from the snapshot that it was started from. An empty
 * owner is inherited too: whoever started that container, it was not us.
 */
export function mayGo(
  thing: Leftover,
  owner: Standing,
  aliveRuns: ReadonlySet<string>,
  now: number,
  ended: ReadonlySet<string> = new Set(),
): boolean {
  if (thing.kind !== 'container' && storeLabel in thing.labels) return false;
  if (!thing.labels[ownerLabel]) return false;
  if (owner !== 'foreign') return owner === 'dead';
  const run = thing.labels[runLabel] ?? '';
  return ended.has(run) || (!aliveRuns.has(run) && now - thing.created > foreignAgeSeconds);
}

/** A job's container ends with the process that runs the job; a service goes on without it, and so tells nothing. */
export const runsAliveBy = (things: readonly Leftover[]): ReadonlySet<string> =>
  new Set(
    things
      .filter(({ running, labels }) => running && !(serviceLabel in labels))
      .map(({ labels }) => labels[runLabel] ?? ''),
  );

/** A paused one does not count as running: it is what we froze when its job was over. */
export const leftoverContainer = (one: Pick<ContainerInfo, 'Labels' | 'Created' | 'State'>): Leftover => ({
  kind: 'container',
  labels: one.Labels,
  created: one.Created,
  running: one.State === 'running',
});

interface Found extends Leftover {
  readonly remove: () => Promise<unknown>;
}

/** Containers first: a network or volume in use cannot go. What another run's sweep removes meanwhile is no error. */
export async function sweep(
  link: EngineLink,
  self: Owner,
  platform: NodeJS.Platform,
  ended?: ReadonlySet<string>,
): Promise<number> {
  const standingOf = standings(self, platform);
  const lists = await Promise.all([containers(link), networks(link), volumes(link)]);
  const aliveRuns = runsAliveBy(lists.flat());
  let removed = 0;
  for (const things of lists) {
    await Promise.all(
      things.map(async (thing) => {
        const owner = await standingOf(thing.labels[ownerLabel] ?? '');
        if (!mayGo(thing, owner, aliveRuns, Date.now() / 1000, ended)) return;
        if ((await link.attempt('remove a left-over', callMs, () => thing.remove())).ok) removed++;
      }),
    );
  }
  return removed;
}

const filters = { label: [ownerLabel] };
const found = <T>(outcome: Outcome<T>): T | null => (outcome.ok ? outcome.value : null);

async function containers(link: EngineLink): Promise<Found[]> {
  const list = found(
    await link.call('list containers', callMs, () => link.docker.listContainers({ all: true, filters })),
  );
  return (list ?? []).map((one) => ({
    ...leftoverContainer(one),
    remove: async () => {
      await link.docker.getContainer(one.Id).remove({ force: true, v: true });
      // Half of a cache is worse than none.
      const half = one.Labels[fillsLabel];
      if (half !== undefined) await link.docker.getVolume(half).remove();
    },
  }));
}

async function networks(link: EngineLink): Promise<Found[]> {
  const list = found(await link.call('list networks', callMs, () => link.docker.listNetworks({ filters })));
  return (list ?? []).map((one) => ({
    kind: 'network',
    labels: one.Labels ?? {},
    created: Date.parse(one.Created) / 1000,
    running: false,
    remove: () => link.docker.getNetwork(one.Id).remove(),
  }));
}

async function volumes(link: EngineLink): Promise<Found[]> {
  const list = found(await link.call('list volumes', callMs, () => link.docker.listVolumes({ filters })));
  return (list?.Volumes ?? []).map((one) => ({
    kind: 'volume',
    labels: one.Labels,
    created: 'CreatedAt' in one ? Date.parse(String(one.CreatedAt)) / 1000 : Date.now() / 1000,
    running: false,
    remove: () => link.docker.getVolume(one.Name).remove(),
  }));
}
