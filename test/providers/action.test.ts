// `uses: ORG/lockstep@v1` as GitHub's runner runs it, on the container engine of this machine and a fake of GitHub's services.
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import type { ResultsService } from '../fakes/results-service.ts';
import { allGone, containersOf, docker } from '../rig/engine.ts';
import { cancelAsRunner, Machine, pullRequestEvent, servedBy, type Variables } from '../rig/runner.ts';
import { unzip } from '../rig/unzip.ts';
import { errors, pipeline, runId, service, titles, warnings, workflow } from '../rig/workflow.ts';

const hello = pipeline(`
jobs:
  hello:
    steps: [echo hello from inside]
`);

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

test.each<[string, (machine: Machine) => Variables]>([
  ['absent', () => ({ GITHUB_EVENT_PATH: '/nowhere/event.json' })],
  ['not named', () => ({ GITHUB_EVENT_PATH: '' })],
  ['empty', (machine) => (machine.event(''), {})],
  ['a list', (machine) => (machine.event('[]'), {})],
  ['deep', (machine) => (machine.event('['.repeat(200_000)), {})],
  ['of other types', (machine) => (machine.event({ pull_request: 5, repository: ['x'] }), {})],
  ['a device', () => ({ GITHUB_EVENT_PATH: '/dev/zero' })],
])('an event file that is %s: a push goes on, a pull request does not', async (_name, prepare) => {
  const { project, machine } = workflow(hello);
  const broken = prepare(machine);
  const push = await machine.run({}, broken);
  expect(push.code, push.log).toBe(0);
  const before = runId(project);
  const { variables } = pullRequestEvent(true);
  const pull = await machine.run({}, { ...variables, ...broken });
  expect(pull.code, pull.log).toBe(2);
  expect(errors(pull)).toHaveLength(1);
  expect(runId(project)).toBe(before);
});

test('a branch by the name of a command runs none', async () => {
  const { project, machine } = workflow(
    pipeline('jobs: { a: { env: { B: "${{ git.branch }}" }, steps: [\'printf "it is %s\\n" "$B"\'] } }'),
  );
  const branch = '$(touch${IFS}owned)`id`';
  const end = await machine.run({}, { GITHUB_REF: `refs/heads/${branch}`, GITHUB_REF_NAME: branch });
  expect(end.code, end.log).toBe(0);
  expect(end.shown).toContain(`it is ${branch}\n`);
  expect(existsSync(join(project.path, 'owned'))).toBe(false);
});

const hostileLines = [
  '::error::from the step',
  '  ::add-mask::hello',
  '::stop-commands::mine',
  '##[group]open',
  'x ##[error]in the middle',
  '::set-output name=a::b',
  '::endgroup::',
];

test.each([1, 2])('what steps of %i jobs print is no command, nor what they are called', async (jobs) => {
  const files = pipeline(`jobs:
${Array.from(
  { length: jobs },
  (_, at) => `  job${at}:
    env: { NUMBER: "${at}" }
    steps:
      - { name: "::error::name ##[error]name", run: cat lines }
      - run: printf '::error::without an end'`,
).join('\n')}`);
  const { machine } = workflow({ ...files, lines: `${hostileLines.join('\n')}\n` });
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  expect(end.annotations).toEqual([]);
  expect(end.masks).toEqual([]);
  expect(end.stopped).toBe(false);
  for (const line of hostileLines) expect(end.shown.split(`${line}\n`)).toHaveLength(jobs + 1);
  const names = end.commands.map(({ name }) => name).filter((name) => name.includes('group'));
  expect(names).toEqual(Array.from({ length: jobs * 2 }, () => ['group', 'endgroup']).flat());
});

test('what a pipeline file makes us say is no command', async () => {
  const { machine } = workflow({
    'lockstep.yml':
      'version: 1\njobs:\n  a:\n    image: x\n    "##[add-mask]hello": ["\\n::add-mask::hello"]\n    steps: []\n',
  });
  const end = await machine.run();
  expect(end.code, end.log).toBe(2);
  expect(end.masks).toEqual([]);
});

test('10,000 failing tests and 5 MiB of summary: 10 annotations, and a summary that GitHub takes', async () => {
  const { machine } = workflow(
    pipeline(`jobs:
  test:
    reports: { junit: report.xml }
    steps:
      - run: |
          awk 'BEGIN {
            print "<testsuite name=\\"s\\">"
            for (i = 1; i <= 10000; i++)
              printf "<testcase name=\\"case %d\\" file=\\"src/a.js\\" line=\\"%d\\"><failure message=\\"wrong %d\\"/></testcase>", i, i, i
            print "</testsuite>"
          }' > report.xml
          yes '- a line' | head -c 5242880 > "$LOCKSTEP_SUMMARY"
          exit 1
`),
  );
  const end = await machine.run();
  expect(end.code, end.log.slice(-2000)).toBe(1);
  expect(errors(end)).toHaveLength(10);
  expect(end.annotations).toContainEqual({
    name: 'error',
    properties: { title: 'test: case 1', file: 'src/a.js', line: '1' },
    data: 'src/a.js:1  case 1\nwrong 1',
  });
  expect(end.outputs.status).toBe('failure');
  expect(Buffer.byteLength(end.summary)).toBeLessThan(1 << 20);
  expect(end.summary).toContain('case 11');
  expect(end.summary).toMatch(/and [\d,]+ more/);
});

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

/** Artifacts are a run's, cache entries stay. */
const nextWorkflow = (fake: ResultsService): void => void fake.artifacts.splice(0);

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

const writes = ['CreateCacheEntry', 'upload', 'FinalizeCacheEntryUpload'];

test.each(['pull_request', 'pull_request_target'])(
  'a fork, by %s: its jobs get no secret, and leave nothing for others',
  async (event) => {
    const fake = await service();
    const { project, machine } = workflow(
      pipeline(`
secrets: { TOKEN: {} }
jobs:
  open:
    steps: [echo open]
  closed:
    secrets: [TOKEN]
    steps: ['echo "with $TOKEN"']
`),
      servedBy(fake),
    );
    const { payload, variables } = pullRequestEvent(true);
    machine.event(payload);
    const secrets = JSON.stringify({ TOKEN: 'tok-0123456789' });
    const target = event === 'pull_request_target' && {
      GITHUB_REF: 'refs/heads/main',
      GITHUB_REF_NAME: 'main',
    };
    const end = await machine.run({ secrets }, { ...variables, ...target, GITHUB_EVENT_NAME: event });
    expect(end.log).not.toContain('tok-0123456789');
    expect(end.masks).toEqual([]);
    const { result } = project.lastRun();
    expect(result.jobs.open?.status).toBe('success');
    expect(result.jobs.closed?.status).toBe('skipped');
    expect(fake.requests.filter((request) => writes.includes(request))).toEqual([]);
  },
);

test('a pull request of our own writes and gets secrets', async () => {
  const fake = await service();
  const { machine } = workflow(hello, servedBy(fake));
  const { payload, variables } = pullRequestEvent(false);
  machine.event(payload);
  const end = await machine.run({}, variables);
  expect(end.code, end.log).toBe(0);
  expect(fake.entries).not.toEqual([]);
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
