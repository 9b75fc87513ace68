// `lockstep run --as PLATFORM` on this machine against a run on the platform (`dist/action.js` as GitHub's runner runs it, the
// command line in a job of GitLab's and in a build of Jenkins'), on the same checkout.
import { expect, onTestFinished, test } from 'vitest';
import { resultsService } from '../fakes/results-service.ts';
import { Project } from '../rig/project.ts';
import { Machine, pullRequestEvent, servedBy, type Variables } from '../rig/runner.ts';

const pipeline = `version: 1
defaults: { image: "busybox:latest" }
secrets: { TOKEN: {} }
caches: { npm: { path: /cache } }
jobs:
  facts:
    caches: [npm]
    steps:
      - id: s
        run: echo "facts=<$FACTS>" >> "$LOCKSTEP_OUTPUT"; touch /cache/x
        env:
          FACTS: "\${{ git.branch }} \${{ git.tag }} \${{ git.ref }} \${{ git.sha }} \${{ git.default-branch }} \${{ event.name }} \${{ event.pull-request.number }} \${{ event.pull-request.source }} \${{ event.pull-request.target }} \${{ event.pull-request.fork }}"
    outputs: { facts: "\${{ steps.s.outputs.facts }}" }
  publish:
    if: event.name != 'manual'
    secrets: [TOKEN]
    steps: ['test -n "$TOKEN"']
`;

const push = (project: Project) => ({
  ...{ ref: 'refs/heads/main', before: '0'.repeat(40), after: project.sh('git rev-parse HEAD').trim() },
  repository: { full_name: 'o/r', default_branch: 'main' },
});

interface Case {
  readonly payload: unknown;
  readonly variables?: Variables;
  /** Of a run that knows of no platform. */
  readonly plain: readonly string[];
}

test.each<[string, (project: Project) => Case]>([
  ['a push', (project) => ({ payload: push(project), plain: ['--branch', 'main'] })],
  [
    'a tag',
    (project) => ({
      payload: { ...push(project), ref: 'refs/tags/v1' },
      variables: { GITHUB_REF: 'refs/tags/v1', GITHUB_REF_NAME: 'v1', GITHUB_REF_TYPE: 'tag' },
      plain: ['--tag', 'v1'],
    }),
  ],
  [
    'a pull request',
    () => ({ ...pullRequestEvent(false), plain: ['--branch', 'change', '--pull-request', '5'] }),
  ],
  [
    'a pull request of a fork',
    () => ({ ...pullRequestEvent(true), plain: ['--branch', 'change', '--pull-request', '5:fork'] }),
  ],
])(
  '%s: the result digest of a dry run is that of the platform, and of a plain run that is told the same',
  async (_, of) => {
    using project = new Project({ 'lockstep.yml': pipeline });
    project.commit();
    const { payload, variables, plain } = of(project);
    const service = await resultsService();
    onTestFinished(() => service.close());
    using machine = new Machine(project, { ...servedBy(service), ...variables });
    machine.event(payload);
    const there = await machine.run({ secrets: 'TOKEN=0123456789abcdef' });
    expect(there.code, there.log).toBe(0);

    using event = new Project({ 'event.json': JSON.stringify(payload) });
    const secret = { LOCKSTEP_SECRET_TOKEN: 'another value, but there' };
    const run = async (...words: string[]): Promise<string> => {
      const end = await project.start(['run', '--no-reuse', ...words], secret).end;
      expect(end.code, end.output).toBe(0);
      return project.lastRun().times.digest;
    };
    expect(await run('--as', 'github', '--event', `${event.path}/event.json`)).toBe(there.outputs.digest);
    expect(await run('--as', 'github', ...plain)).toBe(there.outputs.digest);
    expect(await run(...plain)).toBe(there.outputs.digest);
  },
);

type Told = Readonly<Record<string, string>>;
const job = {
  GITLAB_CI: 'true',
  CI_PROJECT_PATH: 'o/r',
  CI_DEFAULT_BRANCH: 'main',
  CI_PIPELINE_SOURCE: 'push',
};
const mergeRequest = (sourceProject: string): Told => ({
  ...{
    CI_PIPELINE_SOURCE: 'merge_request_event',
    CI_MERGE_REQUEST_IID: '5',
    CI_MERGE_REQUEST_PROJECT_ID: '1',
  },
  ...{ CI_MERGE_REQUEST_SOURCE_PROJECT_ID: sourceProject, CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'change' },
  CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main',
});

const runsIn =
  (project: Project) =>
  async (words: readonly string[], environment: Told): Promise<string> => {
    const end = await project.start(['run', '--no-reuse', ...words], environment).end;
    expect(end.code, end.output).toBe(0);
    return project.lastRun().times.digest;
  };
const linesOf = (environment: Told): string =>
  Object.entries(environment)
    .map((pair) => `${pair.join('=')}\n`)
    .join('');
const secret = { LOCKSTEP_SECRET_TOKEN: 'another value, but there' };

test.each<[string, Told, readonly string[]]>([
  ['a push', { CI_COMMIT_BRANCH: 'main', CI_COMMIT_REF_PROTECTED: 'true' }, ['--branch', 'main']],
  ['a tag', { CI_COMMIT_TAG: 'v1' }, ['--tag', 'v1']],
  ['a merge request', mergeRequest('1'), ['--branch', 'change', '--pull-request', '5']],
  ['a merge request of a fork', mergeRequest('2'), ['--branch', 'change', '--pull-request', '5:fork']],
])('GitLab: %s: the same', async (_, variables, plain) => {
  using project = new Project({ 'lockstep.yml': pipeline });
  project.commit();
  const run = runsIn(project);
  const checkout = { CI_PROJECT_DIR: project.path, CI_COMMIT_SHA: project.sh('git rev-parse HEAD').trim() };
  const there = { ...job, ...variables, ...checkout };
  const digest = await run([], { ...there, TOKEN: '0123456789abcdef' });

  using event = new Project({ 'job.env': linesOf({ PATH: '/bin', ...there, CI_JOB_TOKEN: 'x' }) });
  expect(await run(['--as', 'gitlab', '--event', `${event.path}/job.env`], secret)).toBe(digest);
  expect(await run(['--as', 'gitlab', ...plain], secret)).toBe(digest);
  expect(await run(plain, secret)).toBe(digest);
});

const change = { BRANCH_NAME: 'PR-5', CHANGE_ID: '5', CHANGE_BRANCH: 'change', CHANGE_TARGET: 'main' };

test.each<[string, Told, readonly string[]]>([
  ['a push', { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true' }, ['--branch', 'main']],
  ['a tag', { BRANCH_NAME: 'v1', TAG_NAME: 'v1' }, ['--tag', 'v1']],
  ['a change', change, ['--branch', 'change', '--pull-request', '5']],
  ['a change of a fork', { ...change, CHANGE_FORK: 'x' }, ['--branch', 'change', '--pull-request', '5:fork']],
  ['a plain job', { GIT_BRANCH: 'origin/main' }, ['--branch', 'main']],
])('Jenkins: %s: the same', async (_, variables, plain) => {
  using project = new Project({ 'lockstep.yml': pipeline });
  project.commit();
  const run = runsIn(project);
  const there = { JENKINS_URL: 'http://ci.test/', JOB_NAME: 'team/web/x', ...variables };
  const digest = await run([], { ...there, ...secret, WORKSPACE: project.path });

  using event = new Project({ 'build.env': linesOf({ PATH: '/bin', ...there }) });
  expect(await run(['--as', 'jenkins', '--event', `${event.path}/build.env`], secret)).toBe(digest);
  expect(await run(['--as', 'jenkins', ...plain], secret)).toBe(digest);
  expect(await run(plain, secret)).toBe(digest);
});

test('Jenkins: a secret in the environment of an agent never reaches the change of a fork, as the plan says beforehand', async () => {
  using project = new Project({
    'lockstep.yml': `version: 1
secrets: { TOKEN: { required: false } }
jobs: { a: { image: "busybox:latest", secrets: [TOKEN], steps: ['echo "token <$TOKEN>"'] } }
`,
  });
  project.commit();
  const fork = { JENKINS_URL: 'x', JOB_NAME: 'web/PR-5', ...change, CHANGE_FORK: 'x' };
  const plan = await project.start(['plan', '--json'], { ...fork, ...secret }).end;
  expect(plan.code, plan.output).toBe(0);
  expect(JSON.parse(plan.stdout)).toMatchObject({
    on: { name: 'Jenkins', reads: ['web PR-5', 'web main'], writes: null },
    secrets: { TOKEN: { value: { is: 'withheld' } } },
  });
  const run = await project.start(['run', '--no-reuse'], { ...fork, ...secret }).end;
  expect(run.output).not.toContain(secret.LOCKSTEP_SECRET_TOKEN);
  expect(run.output).not.toContain('token <***>');
  const ours = await project.start(['run', '--no-reuse'], { ...fork, ...secret, CHANGE_FORK: '' }).end;
  expect(ours.output).toContain('token <***>');
});
