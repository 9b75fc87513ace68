// Volumes that are a run's alone → gone, as soon as its containers let go of them.
import { setTimeout as delay } from 'node:timers/promises';
import type { EngineLink } from './engine-link.ts';

const callMs = 10_000;
const pauseMs = 50;

/** What is left when `over` aborts is for a sweep. */
export async function removeOwnVolumes(
  link: EngineLink,
  volumes: Iterable<string>,
  over: AbortSignal,
): Promise<void> {
  const removals = [...volumes].map(async (name) => {
    const doing = `remove the volume ${name}`;
    // 409: a container of ours is still on its way out.
    const remove = () => link.whether(doing, callMs, [409], () => link.docker.getVolume(name).remove());
    for (let gone = await remove(); gone.ok && !gone.value && !over.aborted; gone = await remove())
      await delay(pauseMs);
  });
  await Promise.all(removals);
}
