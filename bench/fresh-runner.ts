// `uses: ./` on a machine that has nothing but the platform's cache service, which is on this machine too.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { resultsService, type ResultsService } from '../test/fakes/results-service.ts';
import { docker } from '../test/rig/engine.ts';
import { Project } from '../test/rig/project.ts';
import { Machine, servedBy, type StepEnd, type Variables } from '../test/rig/runner.ts';
import { timeToEnd } from './child.ts';
import { inTurn } from './rounds.ts';
import type { Benchmark, Row } from './row.ts';

const ten = Array.from({ length: 10 }, (_, index) => index);
const tenByTen = `version: 1\njobs:\n${ten
  .map(
    (job) =>
      `  job-${job}:\n    image: 'busybox:latest'\n    steps:\n${ten.map((step) => `      - echo job ${job} step ${step}\n`).join('')}`,
  )
  .join('')}`;

const installed = `version: 1
jobs:
  one:
    image: 'busybox:latest'
    steps:
      - { run: echo installing; sleep 3; head -c 1000000 /dev/urandom > /installed, inputs: [lock] }
      - { run: cat src; test -s /installed, inputs: [src] }
`;

export const freshRunner: Benchmark = {
  name: 'fresh-runner',
  run: async (rounds) => {
    const service = await resultsService();
    try {
      return [...(await nothingChanged(service, rounds ?? 7)), await oneFileEdited(service, rounds ?? 5)];
    } finally {
      await service.close();
    }
  },
};

async function nothingChanged(service: ResultsService, rounds: number): Promise<Row[]> {
  using project = new Project({ 'lockstep.yml': tenByTen });
  project.commit();
  await runFresh(project, servedBy(service), () => undefined);
  const keys = service.entries.map(({ key }) => key);
  const since = String(Math.floor(Date.now() / 1000));
  const { ours, client } = await inTurn(rounds, {
    ours: () =>
      runFresh(project, servedBy(service), ({ outputs }) => {
        if (outputs.reused !== '{"steps":100,"reused":100}')
          throw new Error(`reused ${outputs.reused ?? ''}`);
        const run = `label=dev.lockstep.run=${project.read('.lockstep/last').trim()}`;
        const until = String(Math.ceil(Date.now() / 1000));
        const started = ['--since', since, '--until', until, '--filter', run, '--filter', 'event=start'];
        if (docker('events', ...started) !== '') throw new Error('a container was started');
      }),
    client: () => restore(service, keys),
  });
  const what = '10 × 10 on a fresh runner, nothing changed';
  return [
    { what, against: '2 s', unit: 'ms', ours, baseline: [2000], reach: 1 },
    // Most of it is the download.
    {
      what,
      against: "its ten downloads by GitHub's own client",
      unit: 'ms',
      ours,
      baseline: client,
      reach: 2,
    },
  ];
}

async function oneFileEdited(service: ResultsService, rounds: number): Promise<Row> {
  using project = new Project({ 'lockstep.yml': installed, lock: '1', src: '0' });
  project.commit();
  await runFresh(project, servedBy(service), () => undefined);
  let edits = 0;
  const edited = (variables: Variables, installs: boolean) => () => {
    project.write({ src: `${++edits}\n` });
    return runFresh(project, variables, ({ shown }) => {
      if (/^installing$/m.test(shown) !== installs) throw new Error(`it should install: ${String(installs)}`);
    });
  };
  const figures = await inTurn(rounds, {
    ours: edited(servedBy(service), false),
    without: edited({}, true),
  });
  return {
    what: 'a fresh runner, a file edited that the install does not see',
    against: 'the same without the cache service',
    unit: 'ms',
    ours: figures.ours,
    baseline: figures.without,
    reach: 1,
  };
}

/** Milliseconds of `main`. Rejects when `check` throws: a figure of something else says nothing. */
async function runFresh(
  project: Project,
  variables: Variables,
  check: (end: StepEnd) => void,
): Promise<number> {
  using machine = new Machine(project, variables);
  const started = performance.now();
  const end = await machine.run();
  const ms = performance.now() - started;
  if (end.code !== 0) throw new Error(end.log);
  check(end);
  return ms;
}

/** As an action of GitHub's own that restores the same entries, one after the other. */
async function restore(service: ResultsService, keys: readonly string[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-bench-'));
  try {
    mkdirSync(join(folder, 'temp'));
    const env = {
      ...{ PATH: process.env.PATH, GITHUB_WORKSPACE: folder, RUNNER_TEMP: join(folder, 'temp') },
      ...service.environment('v2'),
    };
    const script = join(import.meta.dirname, 'github-restore.ts');
    return await timeToEnd([process.execPath, script, ...keys], folder, env);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
