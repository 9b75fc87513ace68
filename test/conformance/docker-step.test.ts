// Steps in real containers: dash, busybox's shell and bash as sh, both ways to run a step.
import { docker } from './docker-engine.ts';
import { dockerSteps } from './docker-step.ts';

/** Fedora, Arch and others have bash as their sh. */
async function withBashAsSh(): Promise<string> {
  const command = ['ln', '-sf', 'bash', '/bin/sh'];
  const container = await docker.createContainer({ Image: 'debian:bookworm-slim', Cmd: command });
  await container.start();
  await container.wait();
  await container.commit({ repo: 'lockstep-test/bash', tag: 'latest' });
  await container.remove();
  return 'lockstep-test/bash:latest';
}

for (const image of ['debian:bookworm-slim', 'busybox:latest', await withBashAsSh()]) {
  for (const isolated of [false, true]) dockerSteps(image, isolated);
}
