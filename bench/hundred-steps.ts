// What a hundred steps take beyond the first, against as many exec calls through dockerode in one container.
import Docker from 'dockerode';
import { launcher } from '../test/rig/cli.ts';
import { Project } from '../test/rig/project.ts';
import { timeToEnd } from './child.ts';
import { inTurn, timed } from './rounds.ts';
import type { Benchmark } from './row.ts';

const image = 'busybox:latest';
const steps = 100;

const pipeline = (count: number): string =>
  `version: 1\njobs:\n  one:\n    image: '${image}'\n    steps: [${Array(count).fill("'true'").join(', ')}]\n`;

export const hundredSteps: Benchmark = {
  name: 'hundred-steps',
  run: async (rounds) => {
    using one = new Project({ 'lockstep.yml': pipeline(1) });
    using more = new Project({ 'lockstep.yml': pipeline(steps + 1) });
    one.commit();
    more.commit();
    const docker = new Docker();
    const container = await docker.createContainer({
      Image: image,
      Entrypoint: ['sleep', 'inf'],
      HostConfig: { AutoRemove: true, Init: true, NetworkMode: 'none' },
    });
    try {
      await container.start();
      const { ours, execs } = await inTurn(rounds ?? 5, {
        ours: async () => {
          const alone = await timeToEnd([launcher, 'run', '--no-reuse'], one.path);
          return (await timeToEnd([launcher, 'run', '--no-reuse'], more.path)) - alone;
        },
        execs: () => timed(() => execAll(container)),
      });
      const what = `${steps} steps in one job`;
      return [{ what, against: `${steps} raw execs`, unit: 'ms', ours, baseline: execs, reach: 1 / 5 }];
    } finally {
      await container.remove({ force: true });
    }
  },
};

async function execAll(container: Docker.Container): Promise<void> {
  for (let step = 0; step < steps; step++) {
    const exec = await container.exec({
      Cmd: ['sh', '-e', '-c', 'true'],
      AttachStdout: true,
      AttachStderr: true,
    });
    const stream = await exec.start({ hijack: true });
    stream.resume();
    await new Promise((resolve, reject) => stream.once('end', resolve).once('error', reject));
    const { ExitCode } = await exec.inspect();
    if (ExitCode !== 0) throw new Error(`exec ended with ${String(ExitCode)}`);
  }
}
