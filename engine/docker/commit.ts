// What a job's container holds → an image that a later one can start from.
import type { Snapshot } from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import { snapshotLabels } from './container-spec.ts';
import type { Attempt, EngineLink } from './engine-link.ts';
import { engineFailure, isMissingContainer, statusOf } from './errors.ts';
import type { Images } from './images.ts';
import type { JobContainer } from './job-container.ts';
import { aborted } from './stop-step.ts';

/** An engine takes 127; some are left for its own and for what stands on the snapshot. */
const maxLayers = 100;
/** 50,000 small files take 7 s. */
const commitMs = 300_000;
const removeMs = 60_000;
const doing = 'make a snapshot of the container';

export interface CommitContext {
  readonly images: Images;
  /** Who makes it, as text. */
  readonly maker: string;
  /** Told of the removal of what comes too late. */
  readonly removing: (removal: Promise<unknown>) => void;
}

/** Failures as `Sandbox.snapshot` has them. No pause: between steps nothing runs in the container. */
export async function commit(
  container: JobContainer,
  { images, maker, removing }: CommitContext,
  store: string,
  stop: AbortSignal,
): Promise<Outcome<Snapshot>> {
  if (container.dead !== null) return refuse(container.dead);
  const { link, id, spec } = container.opened;
  const [image, start] = await Promise.all([
    images.info(spec.image.id),
    images.info(spec.snapshot ?? spec.image.id),
  ]);
  if (!image.ok) return refuse(unmade(image.failure));
  if (!start.ok) return refuse(unmade(start.failure));
  if (stop.aborted) return refuse(cancelled);
  if ((start.value.RootFS.Layers?.length ?? 0) >= maxLayers) {
    return fail('environment', 'snapshot-layers', `${spec.job} stands on ${maxLayers} layers already`);
  }
  const making = link.docker.getContainer(id).commit({
    _query: { container: id, pause: false },
    _body: { Labels: snapshotLabels(store, maker, image.value.Size) },
  }) as Promise<{ readonly Id: string }>;
  const over = new AbortController();
  const ended = aborted([container.closing, stop], over.signal).then(() => null);
  const made = await link.attempt(doing, commitMs, () => Promise.race([making, ended]));
  over.abort();
  const info = made.ok && made.value !== null ? await images.info(made.value.Id) : null;
  if (info?.ok) return ok({ id: info.value.Id, bytes: Math.max(0, info.value.Size - image.value.Size) });
  // The engine goes on with what nobody waits for any more.
  removing(making.then((late) => remove(link, late.Id)).catch(() => undefined));
  return refuse(await whyUnmade(container, info ?? made, stop));
}

async function whyUnmade(
  container: JobContainer,
  tried: Attempt<unknown>,
  stop: AbortSignal,
): Promise<Failure> {
  if (container.dead !== null) return container.dead;
  if (stop.aborted) return cancelled;
  if (tried.ok) return container.whyDead('between-steps');
  if ('failure' in tried) return unmade(tried.failure);
  const status = statusOf(tried.error);
  // 409: it is on its way out.
  const gone = status === undefined || status === 409 || isMissingContainer(tried.error);
  return gone ? container.whyDead('between-steps') : unmade(engineFailure(tried.error, doing));
}

const refuse = (failure: Failure): Outcome<never> => ({ ok: false, failure });

const cancelled = fail('environment', 'snapshot-failed', 'the snapshot was cancelled').failure;

const unmade = (failure: Failure): Failure => ({ ...failure, code: 'snapshot-failed' });

const remove = (link: EngineLink, id: string): Promise<unknown> =>
  link.attempt('remove a snapshot', removeMs, () => link.docker.getImage(id).remove({ noprune: true }));
