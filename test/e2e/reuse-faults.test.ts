// Reuse by the real command under faults: many at once, killed, without an engine, on bad disks, with clocks that jump.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { openDirectoryStore } from '../../engine/cache/directory-store.ts';
import { getBlob } from '../conformance/record-store.ts';
import { docker, until } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';
import { Registry } from '../rig/registry.ts';
import { noSmallDisk, SmallDisk } from '../rig/small-disk.ts';

const pipeline = (jobs: string): string => `version: 1\ndefaults: { image: busybox:latest }\njobs:\n${jobs}`;
const storeOf = (project: Project): string => join(project.cache, 'lockstep', 'v1');
const files = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());

const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : []);

/** Every record and blob is what it should be. */
async function expectWhole(project: Project): Promise<void> {
  const folder = storeOf(project);
  const faults: string[] = [];
  const { platform, pid } = process;
  const store = openDirectoryStore({
    ...{ folder, onFault: (message) => faults.push(message), maxBytes: 1e9, platform, pid },
  });
  const damaged: string[] = [];
  for (const name of namesIn(join(folder, 'records')))
    if ((await store.record(`sha256:${name}`)) === null) damaged.push(`record ${name}`);
  for (const name of namesIn(join(folder, 'blobs')))
    if ((await getBlob(store, `sha256:${name}`)) === null) damaged.push(`blob ${name}`);
  expect([damaged, faults]).toEqual([[], []]);
}

const reusedOf = (project: Project): Record<string, string> =>
  Object.fromEntries(
    Object.entries(project.lastRun().times.jobs).map(([name, { reused }]) => [name, reused]),
  );

/** Long logs, artifacts and reports, so that there are blobs of each kind. */
const rich = pipeline(`
  a:
    steps: ['cat f; seq 1 9000', { id: s, run: 'mkdir o; cp f o/f; head -c 300000 /dev/zero > o/big; echo "v=$(cat f)" >> "$LOCKSTEP_OUTPUT"' }]
    outputs: { v: '\${{ steps.s.outputs.v }}' }
    artifacts: { o: o }
  b: { needs: [a], inputs: [], env: { V: '\${{ needs.a.outputs.v }}' }, steps: ['echo "<$V>"; cat o/f; ls -l o'] }
`);

test('sixteen runs at once over one cache folder: each gets its own result, and all is whole', async () => {
  using home = new Project({ 'lockstep.yml': rich, f: '0\n' });
  const projects = Array.from(
    { length: 16 },
    (_, index) => new Project({ 'lockstep.yml': rich, f: `${index % 4}\n` }),
  );
  try {
    const ends = await Promise.all(
      projects.map((project) => project.start(['run'], { XDG_CACHE_HOME: home.cache }).end),
    );
    for (const [index, end] of ends.entries()) {
      expect(end.code, end.output).toBe(0);
      const { result, folder } = projects[index]?.lastRun() ?? home.lastRun();
      expect(result.jobs.a?.outputs).toEqual({ v: `${index % 4}` });
      expect(projects[index]?.read(join(folder, 'logs/b.log'))).toMatch(`<${index % 4}>\n${index % 4}\n`);
    }
    const digests = projects.map((project) => project.lastRun().times.digest);
    expect(new Set(digests).size).toBe(4);
    await expectWhole(home);
    expect(readdirSync(join(storeOf(home), 'partial'))).toEqual([]);
    expect(readdirSync(join(storeOf(home), 'locks'))).toEqual([]);
    for (const [index, project] of projects.entries()) {
      expect((await project.start(['run'], { XDG_CACHE_HOME: home.cache }).end).code).toBe(0);
      expect([reusedOf(project), project.lastRun().times.digest]).toEqual([
        { a: 'all', b: 'all' },
        digests[index],
      ]);
    }
  } finally {
    for (const project of projects) project[Symbol.dispose]();
  }
});

const rounds = 200;

test(`killed at any moment, ${rounds} times over one cache folder: the next run is right`, async () => {
  using project = new Project({ 'lockstep.yml': rich, f: '1\n' });
  expect((await project.run('run')).code).toBe(0);
  const { digest } = project.lastRun().times;
  const killed: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    // Now everything runs, now part of it, now nothing.
    const run = project.start(round % 3 === 0 ? ['run', '--no-reuse'] : ['run']);
    if (round % 3 === 1) rmSync(join(storeOf(project), 'records'), { recursive: true, force: true });
    await delay((round * 137) % (round % 3 === 2 ? 250 : 900)); // Not to wait for something: to be anywhere.
    run.child.kill('SIGKILL');
    await run.end;
    if (existsSync(join(project.path, '.lockstep/last'))) killed.push(project.read('.lockstep/last').trim());
  }
  await expectWhole(project);
  for (const reused of ['any', 'all']) {
    const end = await project.run('run');
    expect(end.code, end.output).toBe(0);
    expect(end.output).not.toMatch(/damaged/);
    expect(project.lastRun().times.digest).toBe(digest);
    if (reused === 'all') expect(reusedOf(project)).toEqual({ a: 'all', b: 'all' });
  }
  for (const id of new Set(killed)) {
    await until(`nothing is left of ${id}`, () => {
      const label = `label=dev.lockstep.run=${id}`;
      return docker('ps', '-aq', '--filter', label) + docker('network', 'ls', '-q', '--filter', label) === '';
    });
  }
});

test('with a lock file an unchanged run asks no engine and no registry', async () => {
  await using registry = await Registry.start();
  const image = `${registry.address}/reuse/box:1`;
  docker('tag', 'busybox:latest', image);
  const digest = /digest: (sha256:[0-9a-f]{64})/.exec(docker('push', image))?.[1] ?? 'none';
  const pinned = `${image.slice(0, -2)}@${digest}`;
  using project = new Project({
    'lockstep.yml': rich.replace('busybox:latest', `"${image}"`),
    'lockstep.lock': `${JSON.stringify({ version: 1, images: { [image]: digest } })}\n`,
    f: '1\n',
  });
  try {
    const first = await project.run('run');
    expect(first.code, first.output).toBe(0);
    const { times } = project.lastRun();
    docker('rmi', '-f', image, pinned);
    const nowhere = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
    const again = await project.start(['run'], nowhere).end;
    expect(again.code, again.output).toBe(0);
    expect([reusedOf(project), project.lastRun().times.digest]).toEqual([
      { a: 'all', b: 'all' },
      times.digest,
    ]);
    // What must run says why it cannot.
    project.write({ f: '2\n' });
    expect((await project.start(['run'], nowhere).end).code).toBe(3);
    expect((await project.run('run')).code).toBe(0);
    expect(project.lastRun().result.jobs.a?.outputs).toEqual({ v: '2' });
  } finally {
    execFileSync('sh', ['-c', `docker rmi -f ${image} ${pinned} >/dev/null 2>&1 || true`]);
  }
});

const slow = pipeline(`
  a:
    steps:
      - { run: 'sleep 1.1; echo one > one', inputs: [] }
      - { run: 'sleep 1.1; cat one g > two', inputs: [g] }
      - cat two f
`);
const snapshotsOf = (project: Project): string[] =>
  docker(
    'image',
    'ls',
    '-aq',
    '--no-trunc',
    '--filter',
    `label=dev.lockstep.store=${storeId(project)}`,
  ).split('\n');
const storeId = (project: Project): string =>
  files(storeOf(project))
    .filter((path) => path.endsWith('/store-id'))
    .map((path) => execFileSync('cat', [path], { encoding: 'utf8' }).trim())
    .join();

test('a snapshot that somebody removed: the run starts from the one before, then from the image', async () => {
  using project = new Project({ 'lockstep.yml': slow, f: '1\n', g: 'g\n' });
  expect((await project.run('run')).code).toBe(0);
  const snapshots = snapshotsOf(project);
  expect(snapshots).toHaveLength(2);
  for (const [edit, steps] of [
    ['2', [true, false, false]],
    ['3', [true, true, false]],
  ] as const) {
    const newest = snapshotsOf(project)[0];
    if (edit === '2' && newest !== undefined) docker('rmi', newest);
    project.write({ f: `${edit}\n` });
    const end = await project.run('run');
    expect(end.code, end.output).toBe(0);
    const { times, folder } = project.lastRun();
    expect(times.jobs.a?.steps.map(({ reused }) => reused)).toEqual(steps);
    expect(project.read(join(folder, 'logs/a.log'))).toBe(`one\ng\n${edit}\n`);
  }
  docker('rmi', '-f', ...snapshotsOf(project));
  project.write({ f: '4\n' });
  const end = await project.run('run');
  expect(end.code, end.output).toBe(0);
  expect(reusedOf(project)).toEqual({ a: 'none' });
  expect(project.read(join(project.lastRun().folder, 'logs/a.log'))).toBe('one\ng\n4\n');
});

describe('a cache folder that is no good', () => {
  const works = async (project: Project, cache: string, said: RegExp): Promise<void> => {
    for (const args of [['run'], ['run', '--no-reuse']]) {
      const end = await project.start(args, { XDG_CACHE_HOME: cache }).end;
      expect(end.code, end.output).toBe(0);
      expect(end.output.match(said)).toHaveLength(1);
      expect(project.lastRun().result.jobs.a?.outputs).toEqual({ v: '1' });
    }
  };

  test('a file', async () => {
    using project = new Project({ 'lockstep.yml': rich, f: '1\n' });
    const cache = join(project.path, '.lockstep-cache');
    writeFileSync(cache, '');
    await works(project, cache, /cannot write to the cache folder/g);
  });

  test.skipIf(noSmallDisk !== null)('read-only from the first', async () => {
    using project = new Project({ 'lockstep.yml': rich, f: '1\n' });
    using disk = new SmallDisk(2);
    execFileSync('mount', ['-o', 'remount,ro', disk.path]);
    await works(project, disk.path, /cannot write to the cache folder/g);
  });

  test.skipIf(noSmallDisk !== null)(
    'read-only later: what is there is used, and nothing is said',
    async () => {
      using project = new Project({ 'lockstep.yml': rich, f: '1\n' });
      using disk = new SmallDisk(8);
      const run = () => project.start(['run'], { XDG_CACHE_HOME: disk.path }).end;
      expect((await run()).code).toBe(0);
      const { digest } = project.lastRun().times;
      execFileSync('mount', ['-o', 'remount,ro', disk.path]);
      const end = await run();
      expect(end.code, end.output).toBe(0);
      expect(end.output).not.toMatch(/cannot write/);
      expect([reusedOf(project), project.lastRun().times.digest]).toEqual([{ a: 'all', b: 'all' }, digest]);
      project.write({ f: '2\n' });
      expect((await run()).output.match(/cannot write to the cache folder/g)).toHaveLength(1);
      expect(project.lastRun().result.jobs.a?.outputs).toEqual({ v: '2' });
    },
  );

  test.skipIf(noSmallDisk !== null)('full', async () => {
    using project = new Project({ 'lockstep.yml': rich, f: '1\n' });
    using disk = new SmallDisk(1);
    execFileSync('sh', ['-c', `head -c 2000000 /dev/zero > ${disk.path}/full || true`], { stdio: 'ignore' });
    await works(project, disk.path, /cannot write to the cache folder/g);
  });
});

test('clocks that jump: records, blobs and the index of the sources from the future or from long ago', async () => {
  using project = new Project({ 'lockstep.yml': rich, f: '1\n' });
  project.commit();
  expect((await project.run('run')).code).toBe(0);
  const { digest } = project.lastRun().times;
  for (const when of [new Date('2101-01-01'), new Date('1980-01-01')]) {
    for (const path of files(storeOf(project))) utimesSync(path, when, when);
    const end = await project.run('run');
    expect(end.code, end.output).toBe(0);
    expect([reusedOf(project), project.lastRun().times.digest]).toEqual([{ a: 'all', b: 'all' }, digest]);
  }
  utimesSync(join(project.path, 'f'), new Date('2101-01-01'), new Date('2101-01-01'));
  expect((await project.run('run')).code).toBe(0);
  expect(reusedOf(project)).toEqual({ a: 'all', b: 'all' });
  project.write({ f: '2\n' });
  utimesSync(join(project.path, 'f'), new Date('2101-01-01'), new Date('2101-01-01'));
  expect((await project.run('run')).code).toBe(0);
  expect(project.lastRun().result.jobs.a?.outputs).toEqual({ v: '2' });
});

test('a file of the same size, written again and again right after a run, with its old times', async () => {
  using project = new Project({
    'lockstep.yml': pipeline('  a: { inputs: [f], steps: [cat f] }\n'),
    f: '0\n',
  });
  project.commit();
  for (let round = 0; round < 6; round += 1) {
    const { atime, mtime } = statSync(join(project.path, 'f'));
    project.write({ f: `${round}\n` });
    utimesSync(join(project.path, 'f'), atime, mtime);
    expect((await project.run('run')).code).toBe(0);
    expect(project.read(join(project.lastRun().folder, 'logs/a.log'))).toBe(`${round}\n`);
  }
});

test('a file that changes while it is packed: the job fails, says so, and leaves no record', async () => {
  using project = new Project({
    'lockstep.yml': pipeline(`  a: { steps: [ls, cat late] }\n`),
    late: 'old\n',
  });
  project.sh('truncate -s 400M big');
  const run = project.start(['run']);
  await until('the run has read its sources', () => existsSync(join(project.path, '.lockstep/last')));
  project.write({ late: 'new\n' });
  const end = await run.end;
  // Read before or after the edit, never one for the other.
  if (end.code === 0) expect(project.read(join(project.lastRun().folder, 'logs/a.log'))).toMatch(/new|old/);
  else expect(end.output).toMatch(/source-changed|changed while/);
  project.sh('rm big');
  const next = await project.run('run');
  expect(next.code, next.output).toBe(0);
  expect(project.read(join(project.lastRun().folder, 'logs/a.log'))).toBe('late\nnew\n');
});

test('a cache folder that was copied from another machine is as good as the old one', async () => {
  using project = new Project({ 'lockstep.yml': rich, f: '1\n' });
  expect((await project.run('run')).code).toBe(0);
  using other = new Project();
  mkdirSync(other.cache);
  cpSync(project.cache, other.cache, { recursive: true });
  const end = await project.start(['run'], { XDG_CACHE_HOME: other.cache }).end;
  expect(end.code, end.output).toBe(0);
  expect(reusedOf(project)).toEqual({ a: 'all', b: 'all' });
});
