// `lockstep cache` against a real engine: what runs leave there is seen, and goes when it is to.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { CacheEntry } from '../../src/model/cache-contents.ts';
import { containersOf, docker, until } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';

const pipeline = `version: 1
caches: { npm: { path: /cache } }
jobs:
  build:
    image: busybox:latest
    caches: [npm]
    artifacts: { dist: [out] }
    steps:
      - echo kept > /cache/kept; echo one > /one; sleep 1.1
      - cat /one > out
`;

/** Its second step goes on when it is told to. */
const waiting = `version: 1
caches: { npm: { path: /cache } }
jobs:
  build:
    image: busybox:latest
    caches: [npm]
    steps:
      - echo one > /one; sleep 1.1
      - cat /one; echo wait; until [ -e /tmp/go ]; do sleep 0.1; done
      - echo last
`;

const storeOf = (project: Project): string =>
  readFileSync(join(project.cache, 'lockstep/v1/store-id'), 'utf8').trim();
const count = (text: string): number => text.split('\n').filter((line) => line !== '').length;
const snapshotsOf = (project: Project): number =>
  count(docker('images', '-q', '--filter', `label=dev.lockstep.store=${storeOf(project)}`));
const volumesOf = (project: Project): number =>
  count(docker('volume', 'ls', '-q', '--filter', `label=dev.lockstep.store=${storeOf(project)}`));

async function list(project: Project): Promise<readonly (CacheEntry & { 'belongs-to': unknown })[]> {
  const { stdout } = await project.run('cache', 'ls', '--json');
  return (JSON.parse(stdout) as { entries: (CacheEntry & { 'belongs-to': unknown })[] }).entries;
}

test('what a run leaves is listed with what it belongs to, added up, pruned when it is old, and cleared', async () => {
  using project = new Project({ 'lockstep.yml': pipeline });
  expect(await project.run('cache', 'ls')).toMatchObject({ code: 0, stderr: '' });
  expect(existsSync(project.cache)).toBe(false);
  expect((await project.run('run')).code).toBe(0);

  const job = { root: project.path, file: 'lockstep.yml', job: 'build' };
  const entries = await list(project);
  const listed = entries.map((entry) => [entry.kind, entry['belongs-to']]);
  expect(listed).toContainEqual(['job', [job]]);
  for (const step of [1, 2]) expect(listed).toContainEqual(['step', [{ ...job, step }]]);
  expect(listed).toContainEqual(['snapshot', [{ ...job, step: 1 }]]);
  expect(listed).toContainEqual(['cache directory', [{ root: project.path, cache: 'npm' }]]);
  expect(entries.filter(({ bytes }) => bytes === null)).toEqual([]);
  const table = await project.run('cache', 'ls');
  expect(table.stdout).toMatch(/^snapshot +\S+ \S+ +<1h +build step 1 +\//m);
  expect((await project.run('cache', 'stats')).stdout).toMatch(/^snapshot +1 +/m);

  expect(await project.run('cache', 'prune')).toMatchObject({ code: 0, stdout: 'nothing was removed\n' });
  expect([snapshotsOf(project), volumesOf(project)]).toEqual([1, 1]);
  const refused = await project.run('cache', 'clear');
  expect([refused.code, refused.stderr]).toEqual([2, expect.stringContaining('error[not-confirmed]')]);
  const cleared = await project.run('cache', 'clear', '--yes');
  expect([cleared.code, cleared.stdout]).toEqual([
    0,
    expect.stringMatching(/^freed .* 1 snapshot, 1 cache d/),
  ]);
  expect([snapshotsOf(project), volumesOf(project), await list(project)]).toEqual([0, 0, []]);
  expect((await project.run('run')).code).toBe(0);
  expect(project.lastRun().times.jobs.build?.reused).toBe('none');
});

test('a snapshot that nothing remembers is shown as such, and pruned', async () => {
  using project = new Project({ 'lockstep.yml': pipeline });
  await project.run('run');
  project.sh(`rm -r ${project.cache}/lockstep/v1/snapshots ${project.cache}/lockstep/v1/records`);
  const found = (await list(project)).filter(({ kind }) => kind === 'snapshot');
  expect(found).toMatchObject([{ state: 'orphaned' }]);
  expect((await project.run('cache', 'prune')).stdout).toContain('1 snapshot');
  expect(snapshotsOf(project)).toBe(0);
});

test('a snapshot that a run has not remembered yet is left alone as long as that lives, and goes when it was killed', async () => {
  using project = new Project({ 'lockstep.yml': waiting });
  const next = async (): Promise<void> => {
    project.write({ 'lockstep.yml': '{version: 1, jobs: {a: {image: "busybox:latest", steps: [date]}}}' });
    expect((await project.run('run', '--no-reuse')).code).toBe(0);
  };
  const running = project.start(['run']);
  await running.printed(/^wait/m);
  const remembered = join(project.cache, 'lockstep/v1/snapshots');
  await until(
    'the snapshot is remembered',
    () => existsSync(remembered) && readdirSync(remembered).length === 1,
  );
  project.sh(`rm ${remembered}/*`);
  await next();
  expect((await project.run('cache', 'prune', '--unused-for', '0s')).code).toBe(0);
  expect(snapshotsOf(project)).toBe(1);
  running.child.kill('SIGKILL');
  await running.end;
  await next();
  expect(snapshotsOf(project)).toBe(0);
  project.sh(
    `docker volume ls -q --filter label=dev.lockstep.store=${storeOf(project)} | xargs -r docker volume rm`,
  );
});

test('an engine that is away keeps what it holds, which is said, and is no error while there is other work', async () => {
  using project = new Project({ 'lockstep.yml': pipeline });
  await project.run('run');
  const away = (...words: string[]) =>
    project.start(['cache', ...words], { DOCKER_HOST: 'unix:///nowhere/docker.sock' }).end;
  const said = (what: string) =>
    expect.stringMatching(
      `^snapshots and cache directories in the engine could not be ${what}: .*\n$`,
    ) as string;
  expect(await away('ls')).toMatchObject({ code: 0, stderr: said('listed') });
  expect(await away('clear', '--yes')).toMatchObject({ code: 0, stderr: said('removed') });
  expect(await away('clear', '--yes')).toMatchObject({ code: 3, stderr: said('removed') });
  expect([snapshotsOf(project), volumesOf(project)]).toEqual([1, 1]);
  expect((await project.run('cache', 'clear', '--yes')).code).toBe(0);
  expect([snapshotsOf(project), volumesOf(project)]).toEqual([0, 0]);
});

test('a run under way loses its records and comes out the same; what it uses stays, and that is told', async () => {
  using project = new Project({ 'lockstep.yml': waiting });
  const run = async (meanwhile: () => Promise<void>): Promise<string> => {
    const started = project.start(['run']);
    await started.printed(/^wait/m);
    await meanwhile();
    docker('exec', runningOf(project), 'touch', '/tmp/go');
    expect(await started.end).toMatchObject({ code: 0, stdout: expect.stringContaining('wait') as string });
    return project.lastRun().times.digest;
  };
  await run(() => until('the snapshot is there', () => snapshotsOf(project) === 1));
  // Another second step: it starts from the snapshot of the first.
  project.write({ 'lockstep.yml': waiting.replace('echo wait', 'echo wait again') });
  const store = storeOf(project);
  const digest = await run(async () => {
    const { code, stdout } = await project.run('cache', 'clear', '--yes');
    expect(code).toBe(0);
    expect(stdout).toMatch(/^kept the snapshot [0-9a-f]{12}: /m);
    expect(stdout).toMatch(/^kept the cache directory npm: a container uses it$/m);
  });
  expect(project.lastRun().times.jobs.build?.reused).toBe('prefix');
  expect(storeOf(project)).toBe(store);
  // What the one left that lost its records answers for no more than it is: all runs again, with the same result.
  expect(await run(() => Promise.resolve())).toBe(digest);
  expect(project.lastRun().times.jobs.build?.reused).toBe('none');
  expect((await project.run('cache', 'clear', '--yes')).code).toBe(0);
  expect([snapshotsOf(project), volumesOf(project)]).toEqual([0, 0]);
});

/** The container of the run that is under way. */
function runningOf(project: Project): string {
  const [run = ''] = project.sh('ls .lockstep/runs | sort | tail -1').trim().split('\n');
  return containersOf(run)[0] ?? 'none';
}
