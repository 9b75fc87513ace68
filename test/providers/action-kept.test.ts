// What `uses: ORG/lockstep@v1` leaves at the service: artifacts, and cache entries that a fresh machine reuses.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ResultsService } from '../fakes/results-service.ts';
import { docker } from '../rig/engine.ts';
import { Machine, servedBy } from '../rig/runner.ts';
import { unzip } from '../rig/unzip.ts';
import {
  nextWorkflow,
  hello,
  pipeline,
  runId,
  service,
  titles,
  warnings,
  workflow,
} from '../rig/workflow.ts';

test('artifacts go to the service under names that it takes, with their modes', async () => {
  const fake = await service();
  const { machine } = workflow(
    pipeline(`jobs:
  build:
    matrix: { os: ["a:b", "c/d"] }
    env: { OS: "\${{ matrix.os }}" }
    steps: ['mkdir out && echo "$OS" > out/app && chmod 755 out/app']
    artifacts: { dist: { paths: [out/**], expire: 3d } }
`),
    servedBy(fake),
  );
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  expect(warnings(end)).toEqual([]);
  expect(fake.artifacts).toHaveLength(2);
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-unzipped-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const { name, final } of fake.artifacts) {
    expect(final).toBe(true);
    expect(name).not.toMatch(/["<>|*?:\\/\r\n]/);
    await unzip(fake.artifactContent(name), join(folder, name));
    expect(readFileSync(join(folder, name, 'out/app'), 'utf8')).toMatch(/^(a:b|c\/d)\n$/);
  }
  expect(readdirSync(machine.temporaryFolder)).toEqual([]);
});

test('a service that takes no artifact: a warning, and the job is not failed', async () => {
  const fake = await service();
  fake.fault = (request) => (request === 'CreateArtifact' ? { status: 400 } : null);
  const { machine } = workflow(
    pipeline('jobs: { a: { steps: [echo hi > made], artifacts: { it: made } } }'),
    servedBy(fake),
  );
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  expect(titles(end)).toEqual(['a: artifact-unpublished']);
});

const built = {
  ...pipeline(`jobs:
  build:
    steps:
      - { name: install, inputs: [lock], run: echo installing && sleep 2 && head -c 300000 /dev/urandom > /installed }
      - { name: compile, inputs: [src], run: "cat src; ls -l /installed; mkdir out; cp src out/it" }
    artifacts: { dist: out/** }
  test:
    needs: [build]
    steps: [{ inputs: [src], run: cat src > seen }]
`),
  lock: '1',
  src: 'first\n',
};

/** Containers of a run that were started, gone or not. */
const startedIn = (run: string, since: number): string =>
  docker(
    ...[
      'events',
      '--since',
      String(Math.floor(since / 1000)),
      '--until',
      String(Math.ceil(Date.now() / 1000)),
    ],
    ...['--filter', `label=dev.lockstep.run=${run}`, '--filter', 'event=start'],
  );

test('a fresh machine reuses what is unchanged and starts nothing; one edited file does not repeat the install', async () => {
  const fake = await service();
  const { project, machine: first } = workflow(built, servedBy(fake));
  const cold = await first.run();
  expect(cold.code, cold.log).toBe(0);
  expect(JSON.parse(cold.outputs.reused ?? '')).toEqual({ steps: 3, reused: 0 });
  expect(fake.entries.filter(({ final }) => final)).not.toEqual([]);
  first[Symbol.dispose]();
  nextWorkflow(fake);

  const since = Date.now();
  using second = new Machine(project, servedBy(fake));
  const warm = await second.run();
  expect(warm.code, warm.log).toBe(0);
  expect(JSON.parse(warm.outputs.reused ?? '')).toEqual({ steps: 3, reused: 3 });
  expect(warm.outputs.digest).toBe(cold.outputs.digest);
  expect(startedIn(runId(project), since)).toBe('');
  expect(warm.annotations).toEqual([]);
  second[Symbol.dispose]();
  nextWorkflow(fake);

  project.write({ src: 'edited\n' });
  using third = new Machine(project, servedBy(fake));
  const edited = await third.run();
  expect(edited.code, edited.log).toBe(0);
  expect(JSON.parse(edited.outputs.reused ?? '')).toEqual({ steps: 3, reused: 1 });
  expect(edited.shown).not.toMatch(/^installing$/m);
  expect(edited.shown).toMatch(/^edited$/m);
});

test('cache: false asks the service for nothing', async () => {
  const fake = await service();
  const { machine } = workflow(hello, servedBy(fake));
  const end = await machine.run({ cache: 'false' });
  expect(end.code, end.log).toBe(0);
  expect(fake.requests).toEqual([]);
});

test.each<[string, ResultsService['fault']]>([
  ['is asked too often', (request) => (request.includes('Cache') ? { status: 429 } : null)],
  ['is away', () => 'reset'],
  ['talks nonsense', () => 'garbage'],
])('a cache that %s: said once, and the job is not failed', async (_name, fault) => {
  const fake = await service();
  fake.fault = fault;
  const { machine } = workflow(
    pipeline('jobs: { a: { steps: [echo a] }, b: { steps: [echo b] }, c: { steps: [echo c] } }'),
    servedBy(fake),
  );
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  expect(end.outputs.status).toBe('success');
  expect(end.log.match(/goes on without/g)).toHaveLength(1);
  expect(end.annotations).toHaveLength(1);
});

test('a token that may only read: nothing is written, nobody is bothered', async () => {
  const fake = await service();
  fake.readOnly = true;
  const { machine } = workflow(hello, servedBy(fake));
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  expect(fake.entries).toEqual([]);
  expect(end.annotations).toEqual([]);
});
