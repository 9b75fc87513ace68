// Runs of branches and pull requests of one repository on a machine that stays: what each finds of the others, and what it leaves.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { recordFolder } from '../../src/compose/cache-folder.ts';
import { docker, until } from '../rig/engine.ts';
import { Project, storeIds } from '../rig/project.ts';

const pipeline = `version: 1
caches: { npm: { path: /cache } }
jobs:
  build:
    image: busybox:latest
    caches: [npm]
    steps:
      - { run: 'echo one > /one; sleep 1.1', inputs: [a] }
      - { run: 'cat /one b; echo "cache: $(ls /cache | xargs)"; touch /cache/$(cat b); echo wait; until [ ! -e /cache/hold ] || [ -e /tmp/go ]; do sleep 0.1; done', inputs: [a, b] }
`;

const files = (b: string) => ({ 'lockstep.yml': pipeline, a: 'a\n', b: `${b}\n` });
const volumesOf = (label: string): string[] =>
  docker('volume', 'ls', '-q', '--filter', `label=${label}`)
    .split('\n')
    .filter((line) => line !== '');
const folderOf = (project: Project, scope: string): string =>
  recordFolder(project.path, { XDG_CACHE_HOME: project.cache }, scope);
const runOf = (project: Project): string => project.lastRun().times.id;
const reused = (project: Project) => project.lastRun().times.jobs.build?.reused;

/** All files of a scope, and when they were written. */
const bytesOf = (project: Project, scope: string): unknown =>
  readdirSync(folderOf(project, scope), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => [join(parentPath, name), readFileSync(join(parentPath, name), 'hex')])
    .sort();

/** As on a runner of the repository. What its second step found in the cache; null: it did not run. */
async function runAs(project: Project, ...words: string[]): Promise<string | null> {
  const { code, output } = await project.run('run', '--as', 'github', ...words);
  expect(code, output).toBe(0);
  return /^cache: (.*)$/m.exec(output)?.[1] ?? null;
}

function repository(b: string): Project {
  const project = new Project(files(b));
  project.commit();
  project.sh('git remote add origin https://github.com/o/r.git');
  return project;
}

test('a branch goes on from what main left, and main never finds anything of the branch', async () => {
  using project = repository('main');
  expect(await runAs(project, '--branch', 'main')).toBe('');
  const main = bytesOf(project, 'o/r refs/heads/main');
  await runAs(project, '--branch', 'topic');
  expect(reused(project)).toBe('all');

  project.write(files('topic'));
  expect(await runAs(project, '--branch', 'topic')).toBe('main');
  expect(reused(project)).toBe('prefix');
  expect(bytesOf(project, 'o/r refs/heads/main')).toEqual(main);
  // Another branch has no part in it, nor has main.
  expect(await runAs(project, '--branch', 'other')).toBe('main');
  expect(await runAs(project, '--branch', 'main')).toBe('main');
  expect(reused(project)).toBe('prefix');
  // A pull request finds what the branch that it is to go into left.
  project.write(files('request'));
  const event = {
    pull_request: {
      ...{ number: 5, head: { ref: 'x', repo: { id: 1 } }, base: { ref: 'topic', repo: { id: 1 } } },
    },
    repository: { full_name: 'o/r', default_branch: 'main' },
  };
  project.write({ 'event.json': JSON.stringify(event), '.lockstepignore': 'event.json\n' });
  expect(await runAs(project, '--event', 'event.json')).toBe('main topic');

  const listed = await project.run('cache', 'ls');
  for (const scope of ['heads/main', 'heads/topic', 'heads/other', 'pull/5/merge'])
    expect(listed.stdout).toMatch(new RegExp(` o/r refs/${scope} `));
  const stores = storeIds(project.cache);
  expect(stores).toHaveLength(5);
  const cleared = await project.run('cache', 'clear', '--yes');
  expect([cleared.code, cleared.stderr, readdirSync(join(project.cache, 'lockstep/v1/scopes'))]).toEqual([
    0,
    '',
    [],
  ]);
  for (const id of stores) {
    expect(volumesOf(`dev.lockstep.store=${id}`)).toEqual([]);
    expect(docker('images', '-aq', '--filter', `label=dev.lockstep.store=${id}`)).toBe('');
  }
});

test('a fork finds what main left, and leaves nothing', async () => {
  using project = repository('main');
  await runAs(project, '--branch', 'main');
  const main = bytesOf(project, 'o/r refs/heads/main');
  await runAs(project, '--pull-request', '5:fork');
  expect(reused(project)).toBe('all');
  project.write(files('fork'));
  for (const again of [false, true]) {
    expect(await runAs(project, '--pull-request', '5:fork'), `again: ${again}`).toBe('main');
    expect(reused(project)).toBe('prefix');
    expect(volumesOf(`dev.lockstep.run=${runOf(project)}`)).toEqual([]);
  }
  expect(bytesOf(project, 'o/r refs/heads/main')).toEqual(main);
  expect(existsSync(folderOf(project, 'o/r refs/pull/5/merge'))).toBe(false);
  project.write(files('main again'.replace(' ', '-')));
  expect(await runAs(project, '--branch', 'main')).toBe('main');
});

test('a fork that is killed: its cache goes with the next run, and nobody has found anything of it', async () => {
  using project = repository('main');
  await runAs(project, '--branch', 'main');
  const main = bytesOf(project, 'o/r refs/heads/main');
  project.write(files('hold'));
  const fork = project.start(['run', '--as', 'github', '--pull-request', '5:fork']);
  await fork.printed(/^wait$/m);
  const [run = ''] = project.sh('ls .lockstep/runs | sort | tail -1').trim().split('\n');
  await until('its volume is there', () => volumesOf(`dev.lockstep.run=${run}`).length === 1);
  fork.child.kill('SIGKILL');
  await fork.end;
  expect(volumesOf(`dev.lockstep.run=${run}`)).toHaveLength(1);
  expect(bytesOf(project, 'o/r refs/heads/main')).toEqual(main);
  project.write(files('after'));
  expect(await runAs(project, '--branch', 'main')).toBe('main');
  await until('its volume is swept', () => volumesOf(`dev.lockstep.run=${run}`).length === 0);
});
