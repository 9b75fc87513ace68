// What strangers can make of `uses: ORG/lockstep@v1`: events, branches, what steps print, and changes from forks.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Machine, pullRequestEvent, servedBy, type Variables } from '../rig/runner.ts';
import { errors, hello, pipeline, runId, service, workflow } from '../rig/workflow.ts';

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
