// A step that prints 1 GiB: `lockstep run` against `docker run` of the same, both into /dev/null, and what we hold in memory.
import { launcher } from '../test/rig/cli.ts';
import { Project } from '../test/rig/project.ts';
import { peakMemory, timeToEnd } from './child.ts';
import { inTurn } from './rounds.ts';
import type { Benchmark } from './row.ts';

const image = 'debian:bookworm-slim';
const script = `yes 'a line of a log is about as long as this one, and ends with a number: 0123456789' | head -c ${2 ** 30}`;
const mostMemoryMB = 200;

export const gigabyteOfLog: Benchmark = {
  name: 'gigabyte-of-log',
  run: async (rounds) => {
    using project = new Project({
      'lockstep.yml': `version: 1\njobs:\n  log:\n    image: '${image}'\n    steps:\n      - run: ${JSON.stringify(script)}\n`,
    });
    project.commit();
    const peaks: number[] = [];
    const docker =
      (...options: string[]) =>
      () =>
        timeToEnd(['docker', 'run', '--rm', ...options, image, 'sh', '-e', '-c', script]);
    const { ours, plain, undriven } = await inTurn(rounds ?? 3, {
      ours: async () => {
        const { ms, megabytes } = await peakMemory([launcher, 'run', '--no-reuse'], project.path);
        peaks.push(megabytes);
        return ms;
      },
      plain: docker(),
      undriven: docker('--log-driver', 'none'),
    });
    const what = '1 GiB of log';
    return [
      { what, against: 'docker run', unit: 'ms', ours, baseline: plain, reach: 1.3 },
      { what, against: 'docker run --log-driver none', unit: 'ms', ours, baseline: undriven, reach: null },
      {
        what: '1 GiB of log: most memory held',
        against: 'the bound',
        unit: 'MB',
        ours: peaks,
        baseline: [mostMemoryMB],
        reach: 1,
      },
    ];
  },
};
