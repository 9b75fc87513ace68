// Artifacts of jobs that ended → the platform's own artifacts, for people to download.
import type { StoredArtifact } from '../../engine/finished-job.ts';
import type { JobInstance } from '../../engine/resolve-job.ts';
import { createPool } from '../../engine/worker-pool.ts';
import type { ArtifactSink } from '../contract/artifact-sink.ts';
import type { Emit } from '../model/event.ts';

const atOnce = 4;

/** Each is published beside the jobs that still run; what cannot be is told, and fails nothing. */
export function createPublisher(open: () => Promise<ArtifactSink>, emit: Emit, cancel: AbortSignal) {
  const pool = createPool(atOnce);
  let sink: Promise<ArtifactSink> | null = null;
  return async ({ id, job }: JobInstance, artifacts: readonly StoredArtifact[]): Promise<void> => {
    sink ??= open();
    const place = await sink;
    await Promise.all(
      artifacts.map(({ name, folder, entries }) =>
        pool(async () => {
          const expireMs = job.artifacts[name]?.expireMs ?? 0;
          const receipt = await place.publish({ job: id, name, folder, entries, expireMs }, cancel);
          if (cancel.aborted) return;
          if (receipt.kind === 'published') {
            const { as, url } = receipt;
            await emit({ type: 'artifact-published', job: id, name, as, ...(url !== undefined && { url }) });
            return;
          }
          const { message } = receipt;
          await emit({ type: 'notice', level: 'warning', code: 'artifact-unpublished', job: id, message });
        }),
      ),
    );
  };
}
