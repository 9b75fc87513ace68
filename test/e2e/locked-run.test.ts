// A run with a lock file against a real registry: what it pins is what runs, whatever tags mean by now.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { docker } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';
import { publish, Registry } from '../rig/registry.ts';

let registry: Registry;
beforeAll(async () => {
  registry = await Registry.start();
});
afterAll(() => registry[Symbol.asyncDispose]());

const lockText = (images: Readonly<Record<string, string>>): string =>
  `${JSON.stringify({ version: 1, images }, null, 2)}\n`;
const pipeline = (image: string, head = ''): string =>
  `version: 1\n${head}jobs:\n  a: { image: "${image}", steps: ['echo version "$VERSION"'] }\n`;

test('the pinned image runs, though the tag moved here and in the registry, and with --pull', async () => {
  const image = `${registry.address}/locked/box:1`;
  using project = new Project({ 'lockstep.yml': pipeline(image) });
  const first = publish(image, 'one', { keep: true });
  try {
    expect(await project.run('lock')).toMatchObject({ code: 0 });
    docker('rmi', '-f', image);
    publish(image, 'two', { keep: true });
    for (const words of [
      ['run', '--no-reuse'],
      ['run', '--no-reuse', '--pull'],
    ]) {
      const { code, output } = await project.run(...words);
      expect([code, /version (\w+)/.exec(output)?.[1]]).toEqual([0, 'one']);
      expect(project.lastRun().result.jobs.a?.image).toBe(first);
    }
    expect(await project.run('lock', '--update')).toMatchObject({ code: 0 });
    const { output } = await project.run('run');
    expect(/version (\w+)/.exec(output)?.[1]).toBe('two');
  } finally {
    docker('rmi', '-f', image, `${image.slice(0, -2)}@${first}`);
  }
});

test('a digest that the registry does not have, and one for another platform, name the lock file', async () => {
  const image = `${registry.address}/locked/wrong:1`;
  const digest = publish(image, 'one', { keep: true });
  docker('rmi', '-f', image);
  const pin = `${image.slice(0, -2)}@${digest}`;
  const other = `sha256:${'a'.repeat(64)}`;
  using project = new Project({
    'lockstep.yml': pipeline(image),
    'lockstep.lock': lockText({ [image]: other }),
  });
  const gone = await project.run('run');
  expect(gone.code).toBe(3);
  expect(gone.output).toContain(`lockstep.lock pins ${image} to ${other}, which its registry does not have`);
  expect(gone.output).toContain(`lockstep lock --update ${image}`);

  project.write({
    'lockstep.yml': pipeline(image, 'platform: linux/arm64\n'),
    'lockstep.lock': lockText({ [image]: digest }),
  });
  const foreign = await project.run('run');
  expect(foreign.code).toBe(3);
  expect(foreign.output).toContain(
    `lockstep.lock pins ${image} to ${digest}: the image ${pin} is for linux/amd64`,
  );
  docker('rmi', '-f', pin);
});

test('what the lock file lacks is noticed once and works; an image of this machine is not missed', async () => {
  const [image, local] = [`${registry.address}/locked/lacking:1`, `${registry.address}/locked/made-here:1`];
  publish(image, 'one', { keep: true });
  docker('tag', 'busybox:latest', local);
  using project = new Project({
    'lockstep.yml': `version: 1\njobs:\n  a: { image: "${image}", steps: [x=1] }\n  b: { image: "${image}", steps: [x=1] }\n  c: { image: "${local}", steps: [x=1] }\n`,
    'lockstep.lock': lockText({}),
  });
  try {
    const { code, output } = await project.run('run');
    expect(code).toBe(0);
    expect(output.match(/lockstep\.lock does not pin \S+;/g)).toEqual([
      `lockstep.lock does not pin ${image};`,
    ]);
  } finally {
    docker('rmi', image, local);
  }
});
