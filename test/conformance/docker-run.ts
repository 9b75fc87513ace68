// A real engine for the tests of one file, under a run of their own, with what the run has there.
import { afterAll, beforeAll } from 'vitest';
import type { Engine, Image, Sandbox, SandboxSpec } from '../../src/contract/sandbox.ts';
import { until } from '../rig/engine.ts';
import { busyboxWith, docker, dockerEngine } from './docker-engine.ts';
import { imageOf, opened, specFor } from './sandbox.ts';

export const runId = `test-${crypto.randomUUID()}`;

/** Filled before the tests of a file that calls `engineForFile`. */
export const rig = {} as { engine: Engine; image: Image };

/** Ids of images that are removed after the tests. */
export const made: string[] = [];

export function engineForFile(): void {
  beforeAll(async () => {
    rig.engine = await dockerEngine({ runId });
    rig.image = await imageOf(rig.engine, 'busybox:latest');
  });
  afterAll(async () => {
    await rig.engine.close();
    await until('the containers are gone', async () => (await containersOf(runId)).length === 0);
    await removeMade();
  });
}

export async function removeMade(): Promise<void> {
  for (const id of made.splice(0)) await docker.getImage(id).remove({ force: true });
}

const label = (run: string) => ({ label: [`dev.lockstep.run=${run}`] });
export const containersOf = (run: string) => docker.listContainers({ all: true, filters: label(run) });
export const networksOf = (run: string) => docker.listNetworks({ filters: label(run) });
export const allGone = (run: string): Promise<void> =>
  until(
    'containers and networks are gone',
    async () => (await containersOf(run)).length === 0 && (await networksOf(run)).length === 0,
  );

export const open = (more: Partial<SandboxSpec> = {}): Promise<Sandbox> =>
  opened(rig.engine, specFor(rig.image, { runId, ...more }));

export const asImage = (id: string): Image => {
  made.push(id);
  return { reference: id, id, digest: id, published: false, hasVolumes: false };
};
export const madeImage = async (changes: string): Promise<Image> => asImage(await busyboxWith(changes));

/** Debian's image less one of its programs. */
export async function debianWithout(tool: string): Promise<Image> {
  const command = ['sh', '-c', `rm $(command -v ${tool})`];
  const container = await docker.createContainer({ Image: 'debian:bookworm-slim', Cmd: command });
  await container.start();
  await container.wait();
  const { Id: id } = (await container.commit({})) as { Id: string };
  await container.remove();
  return asImage(id);
}
