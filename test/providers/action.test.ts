// `uses: ORG/lockstep@v1` as GitHub's runner runs it, on the container engine of this machine and a fake of GitHub's services.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { allGone, containersOf, docker } from '../rig/engine.ts';
import { cancelAsRunner, type Variables } from '../rig/runner.ts';
import { errors, hello, pipeline, runId, titles, warnings, workflow } from '../rig/workflow.ts';

test('a run: outputs, summary, a group for each step, masks before anything is said, nothing left for post', async () => {
  const { project, machine } = workflow(
    pipeline(`
secrets: { TOKEN: {}, KEY: {} }
jobs:
  build:
    secrets: [TOKEN, KEY]
    outputs: { answer: "\${{ steps.make.outputs.answer }}" }
    steps:
      - id: make
        run: |
          echo "answer=42" >> "$LOCKSTEP_OUTPUT"
          echo "the token is $TOKEN"
          echo "### from the step" >> "$LOCKSTEP_SUMMARY"
`),
  );
  const values = { TOKEN: 'tok-0123456789', KEY: '-----BEGIN-----\nsecond line of it\n' };
  const end = await machine.run({ secrets: JSON.stringify({ ...values, UNUSED: 'x' }) });
  expect(end.code, end.log).toBe(0);
  const { result, times, folder } = project.lastRun();
  expect(end.outputs).toEqual({
    status: 'success',
    digest: times.digest,
    result: join(project.path, folder, 'result.json'),
    outputs: JSON.stringify({ build: { answer: '42' } }),
    reused: JSON.stringify({ steps: 1, reused: 0 }),
    'summary-path': join(project.path, folder, 'summary.md'),
  });
  expect(result.status).toBe('success');
  expect(end.summary).toBe(project.read(join(folder, 'summary.md')));
  expect(end.summary).toContain('### from the step');
  expect(end.masks.toSorted()).toEqual(['-----BEGIN-----', 'second line of it', 'tok-0123456789']);
  expect(end.log.indexOf('tok-0123456789')).toBe(end.log.lastIndexOf('tok-0123456789'));
  expect(end.commands.filter(({ name }) => name === 'group')).toMatchObject([
    { data: 'echo "answer=42" >> "$LOCKSTEP_OUTPUT"' },
  ]);
  expect(end.annotations).toEqual([]);
  expect(end.stopped).toBe(false);
  const post = await machine.post();
  expect(post.code, post.log).toBe(0);
  expect(post.annotations).toEqual([]);
});

test.each<[string, Variables, string]>([
  ['file', { file: 'nowhere.yml' }, 'nowhere.yml'],
  ['jobs', { jobs: 'hello --fresh' }, "'--fresh' is no name of a job"],
  ['jobs', { jobs: 'helo' }, 'helo'],
  ['params', { params: 'A=1\nnovalue' }, "found 'novalue'"],
  ['secrets', { secrets: '{"A": ' }, 'begins like JSON'],
  ['working-directory', { 'working-directory': 'no/such' }, 'there is no folder no/such'],
  ['working-directory', { 'working-directory': 'lockstep.yml' }, 'there is no folder lockstep.yml'],
  ['reuse', { reuse: 'maybe' }, "found 'maybe'"],
  ['cache', { cache: 'yes' }, "found 'yes'"],
  ['parallel', { parallel: '0' }, "found '0'"],
  ['parallel', { parallel: '1e3' }, "found '1e3'"],
  ['allow', { allow: 'everything' }, "'everything' is nothing that can be allowed"],
  ['args', { args: '--result "open' }, 'a quote is left open'],
  ['args', { args: '--no-such-option' }, '--no-such-option'],
])('a bad input %s %j: exit 2, and an annotation that says so', async (_name, inputs, words) => {
  const { project, machine } = workflow(
    pipeline(`
secrets: { A: {} }
jobs:
  hello:
    secrets: [A]
    steps: [echo hello]
`),
  );
  const end = await machine.run({ secrets: 'A=0123456789', ...inputs });
  expect(end.code, end.log).toBe(2);
  expect(
    errors(end)
      .map(({ data }) => data)
      .join('\n'),
  ).toContain(words);
  expect(end.log).not.toContain('0123456789');
  expect(existsSync(join(project.path, '.lockstep/last'))).toBe(false);
});

test('all bad inputs at once', async () => {
  const { machine } = workflow(hello);
  const end = await machine.run({ reuse: 'x', parallel: 'x', allow: 'x', cache: 'x' });
  expect(end.code).toBe(2);
  expect(titles(end)).toEqual(['input reuse', 'input parallel', 'input allow', 'input cache']);
});

test.each([{ file: 'ci/lockstep.yml' }, { 'working-directory': 'ci', file: 'lockstep.yml' }])(
  'a mistake in the pipeline file: exit 2, at its place in the repository (%j)',
  async (inputs) => {
    const { machine } = workflow({
      'ci/lockstep.yml': 'version: 1\njobs:\n  a:\n    image: x\n    stepz: []\n',
    });
    const end = await machine.run(inputs);
    expect(end.code, end.log).toBe(2);
    expect(errors(end)[0]?.properties).toMatchObject({ file: 'ci/lockstep.yml', line: '5' });
  },
);

test('no token: runs without cache and artifacts', async () => {
  const { machine } = workflow(pipeline('jobs: { a: { steps: [echo hi > made], artifacts: { it: made } } }'));
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  expect(end.outputs.status).toBe('success');
  expect(warnings(end)).toEqual([]);
});

test('no container engine: exit 3, one clear error, and post does not mind', async () => {
  const { machine } = workflow(hello);
  const nowhere = { DOCKER_HOST: 'unix:///nowhere/docker.sock' };
  const end = await machine.run({}, nowhere);
  expect(end.code, end.log).toBe(3);
  expect(errors(end)).toHaveLength(1);
  expect(errors(end)[0]?.data).toContain('/nowhere/docker.sock');
  expect((await machine.post(nowhere)).code).toBe(0);
});

const slow = pipeline(`jobs:
  slow:
    steps:
      - run: |
          trap 'echo not yet' TERM INT
          echo now waiting
          while :; do sleep 0.1; done
`);

test('a cancel: SIGINT, SIGTERM 7.5 s later; ends in time, and nothing is left', async () => {
  const { project, machine } = workflow(slow);
  const step = machine.start();
  await step.printed(/^now waiting$/m);
  const cancelled = performance.now();
  const end = await cancelAsRunner(step);
  // After 10 s the runner kills it.
  expect(performance.now() - cancelled).toBeLessThan(10_000);
  expect(end.code, end.log).toBe(130);
  expect(end.outputs.status).toBe('cancelled');
  expect(end.stopped).toBe(false);
  expect((await machine.post()).code).toBe(0);
  expect(containersOf(runId(project))).toEqual([]);
});

test('killed in the middle: post removes what is left of it', async () => {
  const { project, machine } = workflow(slow);
  const step = machine.start();
  await step.printed(/^now waiting$/m);
  const run = runId(project);
  const labels = docker('inspect', '-f', '{{ json .Config.Labels }}', ...containersOf(run));
  step.child.kill('SIGKILL');
  await step.end;
  // The step's own container ends with what it is attached to; one that is not attached to anything stays.
  const own = Object.entries(JSON.parse(labels) as Readonly<Record<string, string>>);
  docker('create', ...own.flatMap(([name, value]) => ['--label', `${name}=${value}`]), 'busybox:latest');
  const post = await machine.post();
  expect(post.code, post.log).toBe(0);
  await allGone(run);
});
