// A sandbox or service → what the engine is asked to create. Pure.
import type { ContainerCreateOptions, MountSettings, NetworkCreateOptions } from 'dockerode';
import type { CacheMount, SandboxSpec, ServiceSpec } from '../../src/contract/sandbox.ts';
import type { Resources } from '../../src/model/plan.ts';
import { ourFolder } from './step-script.ts';
import { secretsFolder } from './step-secrets.ts';

export const runLabel = 'dev.lockstep.run';
export const ownerLabel = 'dev.lockstep.owner';
export const jobLabel = 'dev.lockstep.job';
export const serviceLabel = 'dev.lockstep.service';
export const storeLabel = 'dev.lockstep.store';
export const cacheLabel = 'dev.lockstep.cache';
/** On a container through which a volume is being filled: the volume's name. */
export const fillsLabel = 'dev.lockstep.fills';
/** On a snapshot: who made it. Not the label of owners: a container that somebody starts from it is not ours. */
export const makerLabel = 'dev.lockstep.maker';
/** On a snapshot: the size of the image that it stands on, bytes. */
export const imageBytesLabel = 'dev.lockstep.image-bytes';

export type Labels = Readonly<Record<string, string>>;

/** What every step gets beneath the job's own variables, so that a result does not depend on where it ran. */
export const fixedEnvironment: Readonly<Record<string, string>> = {
  TZ: 'UTC',
  LANG: 'C.UTF-8',
  SOURCE_DATE_EPOCH: '946684800',
};

/**
 * The job's container. Its main process is a shell that reads our requests from its stdin, as root whoever runs the
 * steps. Stdin closes when this process dies, and the container goes with it. It holds no variable of ours: a snapshot
 * would keep them. All that a snapshot's config could say is said here, so that it starts as the image itself would.
 */
export const jobContainer = (
  spec: SandboxSpec,
  user: string,
  labels: Labels,
  network: string | null,
): ContainerCreateOptions => ({
  Image: spec.snapshot ?? spec.image.id,
  Entrypoint: ['sh'],
  // Whoever joins a network has the hostname that comes with it.
  ...(network?.startsWith('container:') ? {} : { Hostname: 'lockstep' }),
  User: mainUser(user),
  WorkingDir: '/',
  AttachStdin: true,
  AttachStdout: true,
  AttachStderr: true,
  OpenStdin: true,
  StdinOnce: true,
  // The image's own check is for the program it was built for.
  Healthcheck: { Test: ['NONE'] },
  Labels: { ...labels, [jobLabel]: spec.job },
  HostConfig: {
    ...limits(spec.resources),
    Init: true,
    AutoRemove: true,
    Privileged: spec.privileged,
    LogConfig: { Type: 'none', Config: {} },
    NetworkMode: network ?? (spec.network ? 'bridge' : 'none'),
    Tmpfs: {
      [ourFolder]: 'rw,nosuid,nodev,mode=0755,size=64m',
      [secretsFolder]: 'rw,noexec,nosuid,nodev,mode=0755,size=64m',
    },
    Mounts: spec.caches.map((cache) => cacheMount(cache, labels)),
  },
});

/** User of the container's main process: root, with the groups that an exec of `user` would have. */
const mainUser = (user: string): string => (user === '0' || user === 'root' ? '0' : '0:0');

/** `labels`: of the run, for a volume that goes with it. */
export const cacheLabels = ({ store, cache }: CacheMount, labels: Labels): Labels => ({
  ...(store === null ? labels : { [storeLabel]: store }),
  [cacheLabel]: cache,
});

/** The engine makes the volume where there is none. Never filled from the image: what a cache holds must not depend on it. */
const cacheMount = (cache: CacheMount, labels: Labels): MountSettings => ({
  Type: 'volume',
  Source: cache.volume,
  Target: cache.path,
  VolumeOptions: {
    ...{ NoCopy: true, Labels: cacheLabels(cache, labels) },
    DriverConfig: { Name: 'local', Options: {} },
  },
});

/**
 * Of a snapshot. The engine gives it the container's labels too and takes none away; those of the run are emptied, so
 * that whatever else is started from it belongs to nobody.
 */
export const snapshotLabels = (store: string, maker: string, imageBytes: number): Labels => ({
  [runLabel]: '',
  [ownerLabel]: '',
  [jobLabel]: '',
  [storeLabel]: store,
  [makerLabel]: maker,
  [imageBytesLabel]: String(imageBytes),
});

export const serviceContainer = (
  service: ServiceSpec,
  labels: Labels,
  network: string,
): ContainerCreateOptions => ({
  Image: service.image.id,
  ...(service.entrypoint === null ? {} : { Entrypoint: [...service.entrypoint] }),
  ...(service.command === null ? {} : { Cmd: [...service.command] }),
  ...(service.user === null ? {} : { User: service.user }),
  Env: Object.entries(service.env).map(([name, value]) => `${name}=${value}`),
  Hostname: service.name,
  AttachStdout: true,
  AttachStderr: true,
  Labels: { ...labels, [serviceLabel]: service.name },
  HostConfig: {
    ...limits(service.resources),
    AutoRemove: true,
    Privileged: service.privileged,
    LogConfig: { Type: 'none', Config: {} },
    NetworkMode: network,
  },
  NetworkingConfig: { EndpointsConfig: { [network]: { Aliases: [service.name] } } },
});

/** Looks at a service from its own network, for services whose image has no tools. */
export const probeContainer = (image: string, labels: Labels, service: string): ContainerCreateOptions => ({
  Image: image,
  Entrypoint: ['sh'],
  User: '0:0',
  WorkingDir: '/',
  AttachStdin: true,
  OpenStdin: true,
  StdinOnce: true,
  Healthcheck: { Test: ['NONE'] },
  Labels: { ...labels },
  HostConfig: {
    Init: true,
    AutoRemove: true,
    LogConfig: { Type: 'none', Config: {} },
    NetworkMode: `container:${service}`,
  },
});

/** Where a volume lies in a container that is never started: archives of what is in it go in and out. */
export const cacheFolder = '/.lockstep-cache';

export const cacheContainer = (
  image: string,
  cache: CacheMount,
  labels: Labels,
  use: 'read' | 'fill',
): ContainerCreateOptions => ({
  Image: image,
  Entrypoint: ['sh'],
  Labels: { ...labels, ...(use === 'fill' && { [fillsLabel]: cache.volume }) },
  HostConfig: {
    LogConfig: { Type: 'none', Config: {} },
    NetworkMode: 'none',
    Mounts: [cacheMount({ ...cache, path: cacheFolder }, labels)],
  },
});

/** Never started: what the snapshot holds is within reach all the same. */
export const snapshotContainer = (snapshot: string, labels: Labels): ContainerCreateOptions => ({
  Image: snapshot,
  Entrypoint: ['sh'],
  Labels: { ...labels },
  HostConfig: { LogConfig: { Type: 'none', Config: {} }, NetworkMode: 'none' },
});

export const jobNetwork = (name: string, spec: SandboxSpec, labels: Labels): NetworkCreateOptions => ({
  Name: name,
  Driver: 'bridge',
  Internal: !spec.network,
  Labels: { ...labels, [jobLabel]: spec.job },
});

/** Swap is no way around the memory limit: it would make the same job pass on one machine and fail on another. */
const limits = ({ cpus, memoryBytes, shmBytes, pids }: Resources) => ({
  ...(cpus === undefined ? {} : { NanoCpus: Math.round(cpus * 1e9) }),
  ...(memoryBytes === undefined ? {} : { Memory: memoryBytes, MemorySwap: memoryBytes }),
  ...(shmBytes === undefined ? {} : { ShmSize: shmBytes }),
  ...(pids === undefined ? {} : { PidsLimit: pids }),
});
