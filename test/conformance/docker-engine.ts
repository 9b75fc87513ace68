// The machine's own container engine, for tests that need a real one.
import { homedir } from 'node:os';
import { type DockerEngineOptions, createDockerEngine } from '../../engine/docker/engine.ts';
import { connectEngine } from '../../engine/docker/connect.ts';
import type { Engine } from '../../src/contract/sandbox.ts';

export const engineOptions = (more: Partial<DockerEngineOptions> = {}): DockerEngineOptions => ({
  environment: process.env,
  home: homedir(),
  platform: process.platform,
  pid: process.pid,
  runId: 'conformance',
  access: { proxies: {}, caBundle: null },
  ...more,
});

export async function dockerEngine(more: Partial<DockerEngineOptions> = {}): Promise<Engine> {
  const engine = await createDockerEngine(engineOptions(more));
  if (!engine.ok) throw new Error(`${engine.failure.message}\n${engine.failure.cause ?? ''}`);
  return engine.value;
}

const connected = await connectEngine({
  environment: process.env,
  home: homedir(),
  platform: process.platform,
});
if (!connected.ok) throw new Error(`${connected.failure.message}\n${connected.failure.cause ?? ''}`);

/** The engine itself, to look at what ours did with it. */
export const { docker, description } = connected.value;

/** Path of its socket, where it has one. */
export const socketPath = /unix:\/\/(.*)\)$/.exec(description)?.[1];

/** The id of a new image: busybox with other settings, e.g. `USER nobody`. */
export async function busyboxWith(changes: string): Promise<string> {
  const container = await docker.createContainer({ Image: 'busybox:latest' });
  const named = { repo: 'lockstep-test/made', tag: crypto.randomUUID() };
  const made = (await container.commit({ changes, ...named })) as { Id: string };
  await container.remove();
  return made.Id;
}
