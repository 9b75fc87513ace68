// Images from a real registry: pulled when they are not there, asked for again with --pull, named by their digest.
import { expect, test } from 'vitest';
import { docker } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';
import { publish, Registry } from '../rig/registry.ts';

test('an image is pulled when it is not there, renewed with --pull, and named by its digest', async () => {
  await using registry = await Registry.start();
  const image = `${registry.address}/tools/box:1`;
  using project = new Project({
    'lockstep.yml': `version: 1\njobs:\n  a: { image: "${image}", reuse: false, steps: ['echo version "$VERSION"'] }\n`,
  });
  const run = async (...words: string[]) => {
    const { output } = await project.run('run', ...words);
    return { version: /version (\w+)/.exec(output)?.[1], digest: project.lastRun().result.jobs.a?.image };
  };
  try {
    const first = publish(image, 'one');
    expect(await run()).toEqual({ version: 'one', digest: first });

    docker('tag', image, `${image}-kept`);
    const second = publish(image, 'two');
    docker('tag', `${image}-kept`, image);
    expect((await run()).version).toBe('one');
    expect(await run('--pull')).toEqual({ version: 'two', digest: second });
  } finally {
    for (const name of [image, `${image}-kept`]) docker('rmi', '-f', name);
  }
});

test('a tag that the registry does not have is the environment, with the reference', async () => {
  await using registry = await Registry.start();
  const image = `${registry.address}/tools/none:1`;
  using project = new Project({
    'lockstep.yml': `version: 1\njobs:\n  a: { image: "${image}", steps: [x] }\n`,
  });
  const { code, output } = await project.run('run');
  expect(code).toBe(3);
  expect(output).toContain(image);
  expect(project.lastRun().result.jobs.a).toMatchObject({ status: 'failure', reason: 'environment' });
});
