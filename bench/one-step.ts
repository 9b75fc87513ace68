// One job of one step, image present: `lockstep run` against `docker run --rm` of the same command.
import { launcher } from '../test/rig/cli.ts';
import { Project } from '../test/rig/project.ts';
import { timeToEnd } from './child.ts';
import { inTurn } from './rounds.ts';
import type { Benchmark } from './row.ts';

const image = 'busybox:latest';

export const oneStep: Benchmark = {
  name: 'one-step',
  run: async (rounds) => {
    using project = new Project({
      'lockstep.yml': `version: 1\njobs:\n  one: { image: '${image}', steps: ['true'] }\n`,
    });
    project.commit();
    const { ours, docker } = await inTurn(rounds ?? 15, {
      ours: () => timeToEnd([launcher, 'run', '--no-reuse'], project.path),
      docker: () => timeToEnd(['docker', 'run', '--rm', image, 'sh', '-e', '-c', 'true']),
    });
    return [
      {
        what: 'one job, one step',
        against: 'docker run --rm',
        unit: 'ms',
        ours,
        baseline: docker,
        reach: 1.3,
      },
    ];
  },
};
