// A step that prints 1 GiB: `lockstep run` against `docker run` of the same, both into /dev/null, what we hold in memory, and what it
// costs to mask 20 secrets.
import { launcher } from '../test/rig/cli.ts';
import { Project } from '../test/rig/project.ts';
import { peakMemory, runToEnd, timeToEnd } from './child.ts';
import { inTurn } from './rounds.ts';
import type { Benchmark } from './row.ts';
import { twentySecrets } from './twenty-secrets.ts';

const image = 'debian:bookworm-slim';
const script = `yes 'a line of a log is about as long as this one, and ends with a number: 0123456789' | head -c ${2 ** 30}`;
const mostMemoryMB = 200;

const secrets = twentySecrets();
const environment = {
  ...process.env,
  ...Object.fromEntries(Object.entries(secrets).map(([name, value]) => [`LOCKSTEP_SECRET_${name}`, value])),
};
const names = Object.keys(secrets).join(', ');

const projectOf = (declared: string, granted: string): Project => {
  const pipeline = `version: 1\n${declared}jobs:\n  log:\n    image: '${image}'\n${granted}    steps:\n      - run: ${JSON.stringify(script)}\n`;
  const project = new Project({ 'lockstep.yml': pipeline });
  project.commit();
  return project;
};

/**
 * What each starts from: memory that was just given back, and a disk with nothing left to write. Else who comes first takes what
 * the one before gave back, and who comes second takes what was never used: from a virtual machine's host that costs 2 s a GiB.
 */
const settle = (folder: string): Promise<void> =>
  runToEnd(['sh', '-e', '-c', `head -c ${2 ** 31} /dev/zero > settle; rm settle; sync`], { cwd: folder });

export const gigabyteOfLog: Benchmark = {
  name: 'gigabyte-of-log',
  run: async (rounds) => {
    using project = projectOf('', '');
    using withSecrets = projectOf(`secrets: [${names}]\n`, `    secrets: [${names}]\n`);
    const peaks: number[] = [];
    const settled = (work: () => Promise<number>) => async () => {
      await settle(project.path);
      return work();
    };
    const docker = (...options: string[]) =>
      settled(() => timeToEnd(['docker', 'run', '--rm', ...options, image, 'sh', '-e', '-c', script]));
    const { ours, masked, plain, undriven } = await inTurn(rounds ?? 3, {
      ours: settled(async () => {
        const { ms, megabytes } = await peakMemory([launcher, 'run', '--no-reuse'], project.path);
        peaks.push(megabytes);
        return ms;
      }),
      masked: settled(() => timeToEnd([launcher, 'run', '--no-reuse'], withSecrets.path, environment)),
      plain: docker(),
      undriven: docker('--log-driver', 'none'),
    });
    const what = '1 GiB of log';
    return [
      { what, against: 'docker run', unit: 'ms', ours, baseline: plain, reach: 1.3 },
      { what, against: 'docker run --log-driver none', unit: 'ms', ours, baseline: undriven, reach: null },
      {
        what: '1 GiB of log, 20 secrets',
        against: 'the same without',
        unit: 'ms',
        ours: masked,
        baseline: ours,
        reach: 1.15,
      },
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
