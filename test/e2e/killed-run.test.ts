// `kill -9` at any moment: the next run finds and removes what was left, and is not disturbed by it.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { belongings, containersOf, docker, until } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';

const quick = '{version: 1, jobs: {a: {image: "busybox:latest", steps: [echo fine]}}}';
const withService = `
version: 1
jobs:
  a:
    image: busybox:latest
    services: { s: { image: "busybox:latest", command: [sleep, "1000"], ready: { run: "READY", timeout: 10m } } }
    steps: [{ name: wait, run: "echo up; sleep 1000" }]
`;

const frozenOf = (run: string): number =>
  docker('ps', '-q', '--filter', `label=dev.lockstep.run=${run}`, '--filter', 'status=paused')
    .split('\n')
    .filter((id) => id !== '').length;

const moments: Record<string, [pipeline: string, reached: (project: Project, run: string) => boolean]> = {
  'as soon as there is a run': [quick, () => true],
  'with a container made': [quick, (_, run) => containersOf(run).length > 0],
  'during a step beside a service': [
    withService.replace('READY', 'true'),
    (project, run) =>
      existsSync(join(project.path, '.lockstep/runs', run, 'logs/a.log')) && containersOf(run).length === 2,
  ],
  'while a service starts': [
    withService.replace('READY', 'false'),
    (_, run) => containersOf(run).length === 2,
  ],
  'while a job has the network of one before it': [
    `{version: 1, jobs: {
      a: {image: "busybox:latest", steps: [echo fine]},
      b: {image: "busybox:latest", needs: [a], steps: [echo up; sleep 1000]}}}`,
    (project, run) =>
      existsSync(join(project.path, '.lockstep/runs', run, 'logs/b.log')) && frozenOf(run) === 1,
  ],
  'while the workspace is packed': [
    quick.replace('echo fine', 'ls -s big'),
    (_, run) => containersOf(run).length > 0,
  ],
};

test.concurrent.each(Object.entries(moments))('killed %s', async (moment, [pipeline, reached]) => {
  using project = new Project({ 'lockstep.yml': pipeline });
  if (moment.includes('packed')) project.sh('truncate -s 1G big');
  const run = project.start(['run']);
  const last = join(project.path, '.lockstep/last');
  await until('there is a run', () => existsSync(last));
  const killed = project.read('.lockstep/last').trim();
  await until(moment, () => reached(project, killed));
  run.child.kill('SIGKILL');
  expect((await run.end).signal).toBe('SIGKILL');
  expect(existsSync(join(project.path, '.lockstep/runs', killed, 'result.json'))).toBe(false);

  project.sh('rm -f big');
  project.write({ 'lockstep.yml': quick });
  const next = await project.run('run');
  expect(next.code, next.output).toBe(0);
  expect(project.lastRun().times.id).not.toBe(killed);
  // The containers end by themselves: their stdin closed with the process. What they held goes with the sweep.
  await until(`nothing is left of run ${killed}`, () => belongings(killed).length === 0);
});
