// `uses: ORG/lockstep@v1` where the machine, the event and the platform's services do their worst: a job never fails for it.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Fault, ResultsService } from '../fakes/results-service.ts';
import { allGone, containersOf, until } from '../rig/engine.ts';
import { cancelAsRunner, Machine, pullRequestEvent, servedBy, type Variables } from '../rig/runner.ts';
import { hello, errors, pipeline, reused, runId, service, warnings, workflow } from '../rig/workflow.ts';

const three = pipeline('jobs: { a: { steps: [echo a] }, b: { steps: [echo b] }, c: { steps: [echo c] } }');

test.each<[string, (machine: Machine) => Variables]>([
  [
    'a pipe that nobody writes to',
    ({ temporaryFolder }) => {
      const path = join(temporaryFolder, 'pipe');
      execFileSync('mkfifo', [path]);
      return { GITHUB_EVENT_PATH: path };
    },
  ],
  [
    'larger than any event',
    ({ temporaryFolder }) => {
      const path = join(temporaryFolder, 'event');
      writeFileSync(path, `{"pull_request": "${'x'.repeat(30_000_000)}"}`);
      return { GITHUB_EVENT_PATH: path };
    },
  ],
])('an event file that is %s: a push goes on, a pull request does not', async (_name, prepare) => {
  const { machine } = workflow(hello);
  const broken = prepare(machine);
  const push = await machine.run({}, broken);
  expect(push.code, push.log).toBe(0);
  const pull = await machine.run({}, { ...pullRequestEvent(false).variables, ...broken });
  expect(pull.code, pull.log).toBe(2);
  expect(errors(pull)).toHaveLength(1);
});

const at =
  (name: string, fault: Fault): ResultsService['fault'] =>
  (request) =>
    request === name ? fault : null;

interface Ending {
  readonly warnings: number;
  readonly reused: number;
}

describe('what a cache service does to a run that would reuse all', () => {
  const cases: readonly (readonly [string, (fake: ResultsService) => void, Ending])[] = [
    ['is slow', (fake) => void (fake.fault = at('download', { pauseMs: 1000 })), { warnings: 0, reused: 3 }],
    ['may only be read', (fake) => void (fake.readOnly = true), { warnings: 0, reused: 3 }],
    ['has evicted all', (fake) => void fake.entries.splice(0), { warnings: 0, reused: 0 }],
    ['has evicted what it just named', (fake) => fake.contents.clear(), { warnings: 1, reused: 0 }],
    ['cuts what it sends', (fake) => void (fake.fault = at('download', 'cut')), { warnings: 1, reused: 0 }],
    ['gives what someone else wrote', exchange, { warnings: 1, reused: 0 }],
    [
      'fails to send',
      (fake) => void (fake.fault = at('download', { status: 503 })),
      { warnings: 1, reused: 0 },
    ],
    ['fails', (fake) => void (fake.fault = () => ({ status: 500 })), { warnings: 1, reused: 0 }],
    ['limits the rate', (fake) => void (fake.fault = () => ({ status: 429 })), { warnings: 1, reused: 0 }],
    ['never answers', (fake) => void (fake.fault = () => 'silent'), { warnings: 1, reused: 0 }],
  ];
  test.for(cases)('%s', { timeout: 120_000 }, async ([, spoil, ending]) => {
    const fake = await service();
    const { project, machine: first } = workflow(three, servedBy(fake));
    const cold = await first.run();
    expect(cold.code, cold.log).toBe(0);
    expect(fake.entries).toHaveLength(3);
    first[Symbol.dispose]();
    spoil(fake);
    fake.requests.length = 0;
    using second = new Machine(project, servedBy(fake));
    const end = await second.run();
    expect(end.code, end.log).toBe(0);
    expect(end.outputs).toMatchObject({ status: 'success', digest: cold.outputs.digest });
    expect(reused(end)).toEqual({ steps: 3, reused: ending.reused });
    expect([errors(end), warnings(end).length], end.log).toEqual([[], ending.warnings]);
    expect((await second.post()).code).toBe(0);
  });
});

/** Each entry has the content of another: a pack as it should be, and not the one that was asked for. */
function exchange({ entries, contents }: ResultsService): void {
  const all = entries.map(({ blob }) => contents.get(blob) ?? Buffer.alloc(0));
  for (const [index, { blob }] of entries.entries())
    contents.set(blob, all[(index + 1) % all.length] ?? Buffer.alloc(0));
}

test.each<[string, Fault]>([
  ['CreateCacheEntry', { status: 429 }],
  ['CreateCacheEntry', { status: 503 }],
  ['upload', { status: 403 }],
  ['FinalizeCacheEntryUpload', { status: 400 }],
])('a cache that refuses at %s with %j: said once, and asked no more', async (request, fault) => {
  const fake = await service();
  fake.fault = at(request, fault);
  const { machine } = workflow(three, servedBy(fake));
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  expect(end.outputs.status).toBe('success');
  expect([errors(end), warnings(end).length], end.log).toEqual([[], 1]);
  expect(fake.entries.filter(({ final }) => final)).toEqual([]);
});

test('the breaker: after an outage nobody asks the service again', async () => {
  const fake = await service();
  fake.fault = () => ({ status: 429 });
  const { machine } = workflow(
    pipeline('jobs: { a: { steps: [echo a] }, b: { needs: [a], steps: [echo b] } }'),
    servedBy(fake),
  );
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  expect(fake.requests).toEqual(['GetCacheEntryDownloadURL']);
});

const waiting = pipeline(`jobs:
  waiting:
    services: { other: { image: "busybox:latest", command: [sleep, "1000"] } }
    steps:
      - run: |
          trap 'echo not yet' TERM INT
          echo now waiting
          while :; do sleep 0.1; done
`);

test('cancelled, and killed since it does not end: post removes all of it', async () => {
  const { project, machine } = workflow(waiting);
  const step = machine.start();
  await step.printed(/^now waiting$/m);
  const run = runId(project);
  // As one that hangs: the two signals before the last find nobody.
  for (const signal of ['SIGSTOP', 'SIGINT', 'SIGTERM', 'SIGKILL'] as const) step.child.kill(signal);
  await step.end;
  expect(containersOf(run)).not.toEqual([]);
  const away = await machine.post({ DOCKER_HOST: 'unix:///nowhere/docker.sock' });
  expect(away.code, away.log).toBe(0);
  expect(away.annotations).toEqual([]);
  const post = await machine.post();
  expect(post.code, post.log).toBe(0);
  await allGone(run);
});

test('after a run that ended by itself post asks nobody', async () => {
  const { machine } = workflow(hello);
  expect((await machine.run()).code).toBe(0);
  const post = await machine.post({ DOCKER_HOST: 'unix:///nowhere/docker.sock' });
  expect([post.code, post.log]).toEqual([0, '']);
});

test('cancelled while it waits for a cache that never answers: ends in time', async () => {
  const fake = await service();
  fake.fault = at('CreateCacheEntry', 'silent');
  const { machine } = workflow(hello, servedBy(fake));
  const step = machine.start();
  await until('it saves', () => fake.requests.includes('CreateCacheEntry'));
  const cancelled = performance.now();
  const end = await cancelAsRunner(step);
  // After 10 s the runner kills it.
  expect(performance.now() - cancelled).toBeLessThan(10_000);
  expect(end.code, end.log).toBe(130);
  expect(end.stopped).toBe(false);
  expect((await machine.post()).code).toBe(0);
});

test('a summary that cannot be written is told, and fails nothing; outputs that cannot be written are an error', async () => {
  const { machine, project } = workflow(hello);
  const summary = await machine.run({}, { GITHUB_STEP_SUMMARY: project.path });
  expect(summary.code, summary.log).toBe(0);
  expect(warnings(summary).map(({ properties }) => properties.title)).toEqual(['summary']);
  expect(summary.outputs.status).toBe('success');
  const outputs = await machine.run({}, { GITHUB_OUTPUT: join(project.path, 'nowhere') });
  expect(outputs.code, outputs.log).toBe(3);
  expect(errors(outputs).map(({ properties }) => properties.title)).toEqual(['outputs']);
  expect(outputs.summary).toContain('success');
});

test('events as JSON lines are no commands, whatever a step prints', async () => {
  const command = '##[save-state name=lockstep-ended]true';
  const { machine } = workflow(
    pipeline(`jobs: { a: { steps: [{ name: '${command}', run: 'echo "${command}"' }] } }`),
  );
  const end = await machine.run({ args: '--json' });
  expect(end.code, end.log).toBe(0);
  expect(end.log).toContain('save-state name=lockstep-ended]true');
  expect(end.log).not.toContain('##[');
});

test('no word of the workflow makes the change of a fork one of ours', async () => {
  const { machine } = workflow(hello);
  const { payload, variables } = pullRequestEvent(true);
  machine.event(payload);
  const end = await machine.run({ args: '--as github --branch main' }, variables);
  expect(end.code, end.log).toBe(2);
  expect(errors(end).map(({ data }) => data)).toEqual([expect.stringContaining('a machine of your own')]);
});

test('a folder that a machine keeps: a pull request finds what main left there, and main nothing of the pull request', async () => {
  const said = (words: string) =>
    pipeline(`caches: { c: { path: /c } }\njobs: { a: { caches: [c], steps: ['${words}'] } }`);
  const { project } = workflow(said('echo of main > /c/x'));
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-kept-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const run = async (variables: Variables = {}, payload: unknown = {}) => {
    using machine = new Machine(project);
    machine.event(payload);
    const end = await machine.run({ args: `--cache ${folder}` }, variables);
    expect(end.code, end.log).toBe(0);
    return end.shown;
  };
  await run();
  const change = pullRequestEvent(false);
  project.write(said('cat /c/x; echo of the change > /c/x'));
  expect(await run(change.variables, change.payload)).toContain('\nof main\n');
  project.write(said('echo found; cat /c/x'));
  expect(await run()).toContain('\nfound\nof main\n');
  project.write(said('echo again; cat /c/x'));
  expect(await run(change.variables, change.payload)).toContain('\nagain\nof the change\n');
});
