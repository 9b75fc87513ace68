// `lockstep plan` where a CI platform runs it: what it offers and what not, with the reason.
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Project } from '../rig/project.ts';
import { pullRequestEvent } from '../rig/runner.ts';

const github = {
  ...{ GITHUB_ACTIONS: 'true', GITHUB_SERVER_URL: 'https://github.com', GITHUB_REPOSITORY: 'o/r' },
  ...{
    GITHUB_EVENT_NAME: 'push',
    GITHUB_REF: 'refs/heads/main',
    GITHUB_REF_NAME: 'main',
    GITHUB_REF_TYPE: 'branch',
  },
  ...{ ACTIONS_RUNTIME_TOKEN: 'x', ACTIONS_RESULTS_URL: 'http://127.0.0.1:9/' },
  INPUT_SECRETS: 'TOKEN=0123456789',
};
const v1 = { ACTIONS_CACHE_URL: 'http://127.0.0.1:9/' };
const fork = pullRequestEvent(true);

interface Expected {
  readonly name: string;
  readonly writes?: null;
  readonly noCache?: string;
  readonly noArtifacts?: string;
  readonly noSecrets?: string;
}

test.each<[string, Readonly<Record<string, string>>, Expected]>([
  ['GitHub', { ACTIONS_CACHE_SERVICE_V2: 'True' }, { name: 'GitHub Actions' }],
  [
    'a script of GitHub',
    { ACTIONS_RUNTIME_TOKEN: '', INPUT_SECRETS: '' },
    {
      name: 'GitHub Actions',
      noCache: 'there is no ACTIONS_RUNTIME_TOKEN: an action is given one, a script of `run:` is not',
      noArtifacts: 'there is no ACTIONS_RUNTIME_TOKEN: an action is given one, a script of `run:` is not',
      noSecrets: 'the action was given no `secrets`',
    },
  ],
  [
    'Enterprise Server',
    { GITHUB_SERVER_URL: 'https://git.example.com' },
    {
      name: 'GitHub Enterprise Server',
      noCache: 'GitHub Enterprise Server names no cache service here',
      noArtifacts: "GitHub Enterprise Server has no artifacts that GitHub's client can write",
    },
  ],
  ['act', { ACT: 'true', ...v1 }, { name: 'act' }],
  [
    'Gitea',
    { GITEA_ACTIONS: 'true', GITHUB_SERVER_URL: 'http://git.example:3000', ...v1 },
    { name: 'Gitea', noArtifacts: "Gitea has no artifacts that GitHub's client can write" },
  ],
  [
    'a fork',
    { ...fork.variables, ACTIONS_CACHE_SERVICE_V2: 'True' },
    {
      ...{ name: 'GitHub Actions', writes: null },
      noSecrets: 'a change from a fork gets none without --allow fork-secrets',
    },
  ],
])('on %s', async (_what, variables, expected) => {
  using project = new Project({
    'lockstep.yml':
      'version: 1\nsecrets: { TOKEN: {} }\njobs: { a: { image: x, secrets: [TOKEN], steps: [echo] } }\n',
    'event.json': JSON.stringify(fork.payload),
  });
  project.commit();
  const environment = { ...github, GITHUB_EVENT_PATH: join(project.path, 'event.json'), ...variables };
  const json = await project.start(['plan', '--json'], environment).end;
  expect(json.code, json.output).toBe(0);
  const { on } = JSON.parse(json.stdout) as { on: Readonly<Record<string, unknown>> };
  const absent = { noCache: null, noArtifacts: null, noSecrets: null };
  expect(on).toMatchObject({ dryRun: false, ...absent, ...expected });
  const { stdout } = await project.start(['plan'], environment).end;
  expect(stdout).toContain(`\non ${expected.name}: `);
  for (const because of [expected.noCache, expected.noArtifacts, expected.noSecrets])
    if (because !== undefined) expect(stdout).toContain(`none, since ${because}\n`);
  expect(stdout).toMatch(
    expected.writes === null ? /^keeps: nothing, since/m : /^keeps: for o\/r refs\/heads\/main$/m,
  );
});

test('on a laptop nothing of it is shown', async () => {
  using project = new Project({ 'lockstep.yml': 'version: 1\njobs: { a: { image: x, steps: [echo] } }\n' });
  const { stdout } = await project.run('plan');
  expect(stdout).toMatch(/^pipeline: 1 job on linux\/\w+\n\na /);
  expect(JSON.parse((await project.run('plan', '--json')).stdout)).not.toHaveProperty('on');
});
