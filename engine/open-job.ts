// A job that must run → its images and its sandbox, which starts from the newest snapshot of the steps that are known.
import type { CacheMount, Image, Sandbox, SandboxSpec, ServiceSpec } from '../src/contract/sandbox.ts';
import { fail, ok, type Outcome } from '../src/model/failure.ts';
import type { PlannedJob } from '../src/model/plan.ts';
import { cacheMounts } from './cache-mounts.ts';
import { grantSecrets } from './granted-secrets.ts';
import type { KnownStep } from './recorded-job.ts';
import type { JobInstance, ResolvedJob } from './resolve-job.ts';
import type { Run } from './run.ts';

export interface OpenedJob {
  readonly sandbox: Sandbox;
  readonly image: Image;
  readonly services: readonly ServiceSpec[];
  readonly mounts: readonly CacheMount[];
  /** Steps that the sandbox has behind it. */
  readonly known: readonly KnownStep[];
}

/** `known`: steps that need not run if there is a snapshot of what they left. */
export async function openJob(
  run: Run,
  { job, id }: JobInstance,
  resolved: ResolvedJob,
  known: readonly KnownStep[],
  signal: AbortSignal,
): Promise<Outcome<OpenedJob>> {
  const references = [resolved.image, ...resolved.services.map((service) => service.image)];
  const images = await Promise.all(references.map((reference) => run.images.image(reference, signal)));
  const found: Image[] = [];
  for (const image of images) {
    if (!image.ok) return image;
    found.push(image.value);
  }
  const [image, ...serviceImages] = found;
  const services: ServiceSpec[] = [];
  for (const [index, service] of resolved.services.entries()) {
    const granted = grantSecrets(run, job.services[service.name]?.secrets ?? []);
    if (!granted.ok) return granted;
    const serviceImage = serviceImages[index];
    if (serviceImage)
      services.push({
        ...{ ...service, image: serviceImage },
        ...{ secretEnv: granted.value.env, redactor: run.redactor },
      });
  }
  const mounts = cacheMounts(run, job);
  if (image) await run.reuse.seedCaches?.(mounts, image, signal);
  const brought = image && ((await run.carrier?.opening({ job, mounts, image, known }, signal)) ?? known);
  if (!image || !brought || signal.aborted)
    return fail('environment', 'cancelled', 'stopped before the container was made');
  const opened = await openNewest(
    run,
    brought,
    {
      job: id,
      runId: run.folder.id,
      image,
      platform: run.plan.platform,
      user: job.user,
      workdir: job.workdir,
      network: job.network,
      privileged: job.privileged,
      resources: job.resources,
      hasServices: resolved.services.length > 0,
      caches: mounts,
    },
    signal,
  );
  if (!opened.ok) return opened;
  return ok({ ...opened.value, image, services, mounts });
}

/** A snapshot that cannot be started from makes way for the one before it, the last for the image itself. */
async function openNewest(
  run: Run,
  known: readonly KnownStep[],
  spec: Omit<SandboxSpec, 'snapshot'>,
  signal: AbortSignal,
): Promise<Outcome<Pick<OpenedJob, 'sandbox' | 'known'>>> {
  const engine = await run.engine();
  if (!engine.ok) return engine;
  for (let behind = known.length; behind > 0; behind -= 1) {
    const snapshot = known[behind - 1]?.record?.snapshot;
    if (snapshot === undefined) continue;
    const sandbox = await engine.value.open({ ...spec, snapshot: snapshot.id });
    if (sandbox.ok) {
      await run.reuse.store.useSnapshot(snapshot.id);
      return ok({ sandbox: sandbox.value, known: known.slice(0, behind) });
    }
    if (engine.value.lost.aborted || signal.aborted) return sandbox;
  }
  const sandbox = await engine.value.open({ ...spec, snapshot: null });
  return sandbox.ok ? ok({ sandbox: sandbox.value, known: [] }) : sandbox;
}

/**
 * Whether a snapshot of the job's container has all that its steps can see of each other: a commit lacks the files of
 * volumes, and a cache that lies in the workspace, or that the workspace lies in, would meet an older one.
 */
export function holdsAll(job: PlannedJob, image: Image): boolean {
  const folders = ['/work', job.workdir, ...job.steps.flatMap(({ workdir }) => workdir ?? [])];
  const isApart = (path: string): boolean =>
    !folders.some((folder) => isAtOrUnder(path, folder) || isAtOrUnder(folder, path));
  return !job.privileged && !image.hasVolumes && job.caches.every(({ path }) => isApart(path));
}

const isAtOrUnder = (path: string, folder: string): boolean =>
  path === folder || path.startsWith(folder === '/' ? '/' : `${folder}/`);
