// `lockstep lock` against a real registry: pinned, refreshed, checked, and what goes wrong on the way.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { docker } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';
import { publish, Registry } from '../rig/registry.ts';
import { startSilentRegistry } from '../rig/silent-registry.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await Registry.start();
});
afterAll(() => registry[Symbol.asyncDispose]());

const named = (name: string): string => `${registry.address}/${name}`;
const pipeline = (...images: readonly string[]): string =>
  `version: 1\njobs:\n${images.map((image, index) => `  j${index}: { image: "${image}", steps: [x] }\n`).join('')}`;
const project = (...images: readonly string[]): Project =>
  new Project({ 'lockstep.yml': pipeline(...images) });
const pinsOf = (project: Project): unknown =>
  (JSON.parse(project.read('lockstep.lock')) as { images: unknown }).images;
const lockText = (images: Readonly<Record<string, string>>): string =>
  `${JSON.stringify({ version: 1, images }, null, 2)}\n`;
const other = `sha256:${'a'.repeat(64)}`;

test('images are pinned, kept while their tags move, refreshed with --update, dropped when no job uses them', async () => {
  const [one, two] = [named('moves:1'), named('stays:1')];
  const first = publish(one, 'first');
  const stays = publish(two, 'stays');
  using made = project(one, two);
  expect(await made.run('lock')).toMatchObject({
    code: 0,
    stdout: `pinned   ${one}\npinned   ${two}\nlockstep.lock: pinned 2 images\n`,
    stderr: '',
  });
  expect(made.read('lockstep.lock')).toBe(lockText({ [one]: first, [two]: stays }));
  expect(readdirSync(made.path).sort()).toEqual(['lockstep.lock', 'lockstep.yml']);
  expect(docker('images', '-q', one)).toBe('');

  const second = publish(one, 'second');
  const written = statSync(join(made.path, 'lockstep.lock')).ino;
  expect(await made.run('lock')).toMatchObject({
    code: 0,
    stdout: 'lockstep.lock: pinned 0 images, 2 unchanged\n',
  });
  expect(await made.run('lock', '--update', two)).toMatchObject({ code: 0 });
  expect(statSync(join(made.path, 'lockstep.lock')).ino).toBe(written);
  expect(pinsOf(made)).toEqual({ [one]: first, [two]: stays });

  expect(await made.run('lock', '--update')).toMatchObject({
    code: 0,
    stdout: `updated  ${one}\nlockstep.lock: pinned 0 images, updated 1, 1 unchanged\n`,
  });
  expect(pinsOf(made)).toEqual({ [one]: second, [two]: stays });

  made.write({ 'lockstep.yml': pipeline(one) });
  const { stdout } = await made.run('lock', '--json');
  expect(JSON.parse(stdout)).toEqual({
    pinned: [],
    updated: [],
    dropped: [two],
    unchanged: [one],
    unserved: [],
    images: { [one]: second },
  });
  expect(pinsOf(made)).toEqual({ [one]: second });
});

test('--check needs neither engine nor registry where all is in order, and writes nothing', async () => {
  const image = named('checked:1');
  using made = project(image);
  const check = () => made.start(['lock', '--check'], { DOCKER_HOST: 'tcp://127.0.0.1:1' }).end;
  expect(await check()).toMatchObject({
    code: 1,
    stdout: `missing  ${image}\nlockstep.lock: 1 image missing; to put it right: lockstep lock\n`,
  });
  expect(readdirSync(made.path)).toEqual(['lockstep.yml']);
  // The registry has never heard of this digest: only a run would find out.
  made.write({ 'lockstep.lock': lockText({ [image]: other }) });
  expect(await check()).toMatchObject({ code: 0, stdout: 'lockstep.lock: in order\n', stderr: '' });
  made.write({ 'lockstep.lock': lockText({ [image]: other, 'debian:12': other }) });
  expect(await check()).toMatchObject({
    code: 1,
    stdout: 'unused   debian:12\nlockstep.lock: 1 unused; to put it right: lockstep lock\n',
  });
  const { stdout } = await made.run('lock', '--check', '--json');
  expect(JSON.parse(stdout)).toEqual({ ok: false, missing: [], unused: ['debian:12'] });
});

test('an image that no registry serves is left out, and is no missing entry', async () => {
  const [image, made_] = [named('served:1'), named('made-here:1')];
  const digest = publish(image, 'served');
  docker('tag', 'busybox:latest', made_);
  try {
    using made = project(image, made_);
    const { code, stdout, stderr } = await made.run('lock');
    expect([code, stdout]).toEqual([0, `pinned   ${image}\nlockstep.lock: pinned 1 image\n`]);
    expect(stderr).toContain(
      `warning[image-not-locked]: no registry serves the image ${made_}: it is left out`,
    );
    expect(pinsOf(made)).toEqual({ [image]: digest });
    expect(await made.run('lock', '--check')).toMatchObject({ code: 0 });
  } finally {
    docker('rmi', made_);
  }
});

test('nobody has the image: wrong input, and nothing is written', async () => {
  const image = named('nowhere:1');
  using made = project(image);
  const { code, stderr } = await made.run('lock');
  expect(code).toBe(2);
  expect(stderr).toContain(`error[image-not-found]: there is no image ${image}`);
  expect(readdirSync(made.path)).toEqual(['lockstep.yml']);
});

test('a registry that is away: the environment, and the lock file stays as it was', async () => {
  await using silent = await startSilentRegistry();
  const [up, down, mute] = [named('up:1'), '127.0.0.1:1/down:1', `${silent.address}/mute:1`];
  publish(up, 'up');
  using made = project(up, down, mute);
  const before = lockText({ 'debian:12': other });
  made.write({ 'lockstep.lock': before });
  const { code, stderr } = await made.run('lock');
  expect(code).toBe(3);
  for (const image of [down, mute]) {
    expect(stderr).toContain(`error[registry-unreachable]: could not ask the registry for ${image}`);
  }
  expect(made.read('lockstep.lock')).toBe(before);
  const noEngine = await made.start(['lock'], { DOCKER_HOST: 'tcp://127.0.0.1:1' }).end;
  expect(noEngine).toMatchObject({ code: 3, stderr: expect.stringContaining('error[no-engine]') as string });
});

test('images that only a run knows: named by hand, and kept', async () => {
  const [image, later] = [named('now:1'), named('later:1')];
  const digests = { [image]: publish(image, 'now'), [later]: publish(later, 'later') };
  using made = new Project({
    'lockstep.yml': `version: 1
jobs:
  a: { image: "${image}", steps: [{ id: s, run: x }], outputs: { image: "\${{ steps.s.outputs.image }}" } }
  b: { needs: [a], image: "\${{ needs.a.outputs.image }}", steps: [x] }
`,
  });
  const first = await made.run('lock');
  expect(first).toMatchObject({ code: 0, stdout: `pinned   ${image}\nlockstep.lock: pinned 1 image\n` });
  expect(first.stderr).toContain('job b: only a run knows the image ${{ needs.a.outputs.image }}');
  expect(await made.run('lock', later)).toMatchObject({ code: 0 });
  expect(await made.run('lock')).toMatchObject({ code: 0 });
  expect(pinsOf(made)).toEqual(digests);
  expect(await made.run('lock', '--check')).toMatchObject({ code: 0 });
});

test('one lock file for all pipeline files of a root', async () => {
  const [one, two] = [named('one:1'), named('two:1')];
  const digests = { [one]: publish(one, 'one'), [two]: publish(two, 'two') };
  using made = new Project({ 'lockstep.yml': pipeline(one), 'ci/nightly.yml': pipeline(two) });
  made.commit();
  expect(await made.run('lock', '-f', 'lockstep.yml', '-f', 'ci/nightly.yml')).toMatchObject({ code: 0 });
  expect(pinsOf(made)).toEqual(digests);
  using elsewhere = project(one);
  const apart = await made.run('lock', '-f', 'lockstep.yml', '-f', join(elsewhere.path, 'lockstep.yml'));
  expect(apart).toMatchObject({ code: 2, stderr: expect.stringContaining('error[two-pipelines]') as string });
});

test('an unknown image, a broken lock file, a plan that uses what is not pinned', async () => {
  using made = project('debian:12', 'node:24');
  made.write({ 'lockstep.lock': lockText({ 'debian:12': other }) });
  const unknown = await made.run('lock', '--update', 'debian:13');
  expect(unknown).toMatchObject({ code: 2, stdout: '' });
  expect(unknown.stderr).toContain("no job uses the image debian:13\n  hint: did you mean 'debian:12'?");

  const plan = await made.run('plan');
  expect(plan.code).toBe(0);
  expect(plan.stderr).toContain(
    'warning[image-not-locked]: job j1: the image node:24 is not in the lock file',
  );

  made.write({ 'lockstep.lock': lockText({ 'debian:12': 'sha256:1' }) });
  for (const command of ['lock', 'plan', 'run']) {
    const { code, stderr } = await made.run(command);
    expect([command, code]).toEqual([command, 2]);
    expect(stderr).toContain('lockstep.lock:4:18: error[invalid-lock-file]: a digest is');
    expect(stderr).toContain('   4 |     "debian:12": "sha256:1"\n     |                  ^^^^^^^^^^');
  }
});
