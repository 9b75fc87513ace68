// Ten jobs of ten steps: `lockstep run` against ten `docker run --rm` of the same lines and against other pipeline runners.
import { launcher } from '../test/rig/cli.ts';
import { allGone } from '../test/rig/engine.ts';
import { helperImage } from '../test/rig/gitlab-ci-local.ts';
import { Project } from '../test/rig/project.ts';
import { findTool, type Tool } from '../test/rig/tool.ts';
import { runToEnd, timeToEnd } from './child.ts';
import { inTurn, timed } from './rounds.ts';
import type { Benchmark, Row } from './row.ts';

const image = 'node:24-bookworm-slim';
const atOnce = 4;
const ten = Array.from({ length: 10 }, (_, index) => index);
const lines = ten.map((step) => `echo step ${step}`);
const list = (indent: string, item: string) => lines.map((line) => `${indent}- ${item}${line}\n`).join('');

const lockstep = `version: 1\njobs:\n${ten
  .map((job) => `  job-${job}:\n    image: '${image}'\n    steps:\n${list('      ', '')}`)
  .join('')}`;

const gitlab = `image: '${image}'\n${ten.map((job) => `job-${job}:\n  script:\n${list('    ', '')}`).join('')}`;

const github = `on: push\njobs:\n${ten
  .map((job) => `  job-${job}:\n    runs-on: ubuntu-latest\n    steps:\n${list('      ', 'run: ')}`)
  .join('')}`;

export const tenByTen: Benchmark = {
  name: 'ten-by-ten',
  run: async (rounds) => {
    using project = new Project({
      'lockstep.yml': lockstep,
      '.gitlab-ci.yml': gitlab,
      '.github/workflows/ci.yml': github,
    });
    project.commit();
    // Both peers look for the platform that a checkout comes from.
    project.sh('git remote add origin https://github.com/lockstep/bench.git');
    const ours = async () => {
      const ms = await timeToEnd([launcher, 'run', '--no-reuse', '--parallel', String(atOnce)], project.path);
      // Our containers end after us: that is not for the others to pay.
      await allGone(project.lastRun().times.id);
      return ms;
    };

    const [docker, gitlabPeer, act] = [
      await againstDocker(rounds ?? 5, ours),
      await findTool('gitlab-ci-local'),
      await findTool('act'),
    ];
    return [
      docker,
      await againstPeer('gitlab-ci-local 4.75', 1 / 3, gitlabPeer, rounds ?? 3, ours, (program) =>
        timeToEnd(
          [
            program,
            '--pull-policy',
            'if-not-present',
            '--helper-image',
            helperImage,
            '--concurrency',
            String(atOnce),
          ],
          project.path,
        ),
      ),
      await againstPeer('act 0.2.89', 1 / 15, act, rounds ?? 3, ours, (program) =>
        timed(() =>
          runToEnd(
            [
              program,
              'push',
              '-P',
              `ubuntu-latest=${image}`,
              '--network',
              'host',
              '--pull=false',
              '--concurrent-jobs',
              String(atOnce),
            ],
            { cwd: project.path },
          ),
        ),
      ),
    ];
  },
};

const what = '10 jobs × 10 steps';

async function againstDocker(rounds: number, ours: () => Promise<number>): Promise<Row> {
  const figures = await inTurn(rounds, { ours, docker: () => timed(tenContainers) });
  const against = `10 × docker run --rm, ${atOnce} at once`;
  return { what, against, unit: 'ms', ours: figures.ours, baseline: figures.docker, reach: 1 };
}

async function tenContainers(): Promise<void> {
  const left = [...ten];
  const workOff = async (): Promise<void> => {
    while (left.pop() !== undefined) {
      await runToEnd(['docker', 'run', '--rm', image, 'sh', '-e', '-c', lines.join('\n')]);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, workOff));
}

async function againstPeer(
  against: string,
  reach: number,
  peer: Tool,
  rounds: number,
  ours: () => Promise<number>,
  theirs: (program: string) => Promise<number>,
): Promise<Row> {
  if ('missing' in peer) return { what, against, reach, missing: peer.missing };
  const figures = await inTurn(rounds, { ours, theirs: () => theirs(peer.program) });
  return { what, against, unit: 'ms', ours: figures.ours, baseline: figures.theirs, reach };
}
