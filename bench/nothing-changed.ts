// Ten jobs of ten steps that all ran before: `lockstep run` against BuildKit's fully cached build of the same lines.
import { Registry } from '../test/rig/registry.ts';
import { Project } from '../test/rig/project.ts';
import { launcher } from '../test/rig/cli.ts';
import { runToEnd, timeToEnd } from './child.ts';
import { inTurn } from './rounds.ts';
import type { Benchmark } from './row.ts';

const ten = Array.from({ length: 10 }, (_, index) => index);
/** Each job its own lines: the same ones would be answered by the first job that ran them. */
const line = (job: number, step: number): string => `echo job ${job} step ${step}`;

const pipeline = (image: string): string =>
  `version: 1\njobs:\n${ten
    .map(
      (job) =>
        `  job-${job}:\n    image: '${image}'\n    steps:\n${ten.map((step) => `      - ${line(job, step)}\n`).join('')}`,
    )
    .join('')}`;

/** One build of ten stages, so that the client starts once. */
const dockerfile = (image: string): string =>
  `${ten
    .map(
      (job) =>
        `FROM ${image} AS job${job}\n${ten.map((step) => `RUN ${line(job, step)} > /${step}\n`).join('')}`,
    )
    .join('')}FROM scratch\n${ten.map((job) => `COPY --from=job${job} /9 /${job}\n`).join('')}`;

export const nothingChanged: Benchmark = {
  name: 'nothing-changed',
  run: async (rounds) => {
    await using registry = await Registry.start();
    const image = `${registry.address}/busybox:bench`;
    for (const words of [
      ['tag', 'busybox:latest', image],
      ['push', '-q', image],
    ] as const)
      await runToEnd(['docker', ...words]);
    using project = new Project({
      'lockstep.yml': pipeline(image),
      Dockerfile: dockerfile('busybox:latest'),
      '.lockstepignore': 'Dockerfile\n',
    });
    project.commit();
    const build = ['sh', '-c', 'DOCKER_BUILDKIT=1 exec "$0" build -q .', buildkitClient] as const;
    const settings = { cwd: project.path, env: { ...process.env, XDG_CACHE_HOME: project.cache } };
    const run = (...words: string[]) => timeToEnd([launcher, 'run', ...words], project.path, settings.env);
    await runToEnd([launcher, 'lock'], settings);
    const figures = await inTurn(rounds ?? 15, {
      locked: () => run(),
      buildkit: () => timeToEnd(build, project.path),
    });
    project.sh('rm lockstep.lock');
    const unlocked = await inTurn(rounds ?? 15, {
      unlocked: () => run(),
      buildkit: () => timeToEnd(build, project.path),
    });
    const row = { against: "BuildKit's cached build", unit: 'ms', reach: 1 } as const;
    return [
      { ...row, what: '10 × 10, nothing changed', ours: figures.locked, baseline: figures.buildkit },
      {
        ...row,
        what: 'the same without a lock file',
        ours: unlocked.unlocked,
        baseline: unlocked.buildkit,
        reach: null,
      },
    ];
  },
};

/** Debian's docker.io brings one that needs no plugin for it; a newer one asks for buildx. */
const buildkitClient = '/usr/bin/docker';
