// `--as PLATFORM`: what a run on a CI platform would do, on this machine and with nothing of the platform's.
import { expect, test } from 'vitest';
import { runCli } from '../rig/cli.ts';
import { Project } from '../rig/project.ts';

const pipeline = `version: 1
defaults: { image: 'busybox:latest' }
secrets: { TOKEN: {} }
caches: { npm: { path: /cache } }
jobs:
  build: { caches: [npm], steps: ['echo "::error::$BRANCH"'], env: { BRANCH: "\${{ git.branch }}" } }
  publish: { secrets: [TOKEN], steps: ['echo published $TOKEN'] }
  release: { if: "git.tag != ''", steps: [echo released] }
`;

const fork = {
  pull_request: {
    number: 5,
    head: { ref: 'change', repo: { id: 2 } },
    base: { ref: 'dev', repo: { id: 1 } },
  },
  repository: { full_name: 'o/r', default_branch: 'main' },
};

function repository(): Project {
  const project = new Project({
    ...{ 'lockstep.yml': pipeline, 'events/fork.json': JSON.stringify(fork), 'events/none.json': '{}' },
    '.lockstepignore': 'events\n',
  });
  project.commit();
  return project;
}

test('the plan says what would run for whom, with which secrets and caches, and why', async () => {
  using project = repository();
  const plan = async (...words: string[]): Promise<string> => {
    const env = { LOCKSTEP_SECRET_TOKEN: '0123456789abcdef' };
    const { code, stdout, stderr } = await project.start(['plan', '--as', 'github', ...words], env).end;
    expect([code, stderr]).toEqual([0, '']);
    return stdout;
  };
  const forks = await plan('--event', 'events/fork.json');
  expect(forks).toContain(`
a dry run, as on GitHub Actions: pull request 5 into dev, from a fork
reuses what is kept here for: o/r refs/pull/5/merge, o/r refs/heads/dev, o/r refs/heads/main
keeps: nothing, since anybody may have written what runs
cache of the platform: none, since this is a dry run
artifacts of the platform: none, since this is a dry run
secrets of the platform: none, since a change from a fork gets none without --allow fork-secrets
`);
  expect(forks).toMatch(/^publish +skipped \(secret-withheld\)/m);
  expect(forks).toContain('  secret TOKEN: withheld: fork\n');
  expect(forks).toMatch(/^build +runs\n +caches: npm$/m);
  const tag = await plan('--tag', 'v1');
  expect(tag).toMatch(/^release +runs$/m);
  expect(tag).toContain('  secret TOKEN: from the environment variable LOCKSTEP_SECRET_TOKEN\n');
  expect(tag).toContain('\nkeeps: for refs/tags/v1\n');
  const parsed = JSON.parse(await plan('--json')) as unknown;
  expect(parsed).toMatchObject({
    on: {
      ...{ name: 'GitHub Actions', dryRun: true, event: { name: 'push' }, ref: 'refs/heads/main' },
      ...{ reads: ['refs/heads/main'], writes: 'refs/heads/main', noCache: 'this is a dry run' },
    },
  });
});

test('a run keeps what the platform would, prints as its log, and masks by itself', async () => {
  using project = repository();
  const env = { LOCKSTEP_SECRET_TOKEN: '0123456789abcdef' };
  const run = (...words: string[]) => project.start(['run', '--as', 'github', ...words], env).end;
  const first = await run();
  expect(first.code, first.output).toBe(0);
  expect(first.stdout).toMatch(/^::group::build: echo.*\n::stop-commands::(\w+)\n::error::main\n::\1::\n/m);
  expect(first.stdout).toContain('published ***');
  expect(first.output).not.toContain('0123456789abcdef');
  expect(first.output).not.toContain('::add-mask::');
  expect((await run()).code).toBe(0);
  expect(project.lastRun().times.jobs.build?.reused).toBe('all');
  // What the machine itself keeps is another matter.
  expect((await project.start(['run'], env).end).code).toBe(0);
  expect(project.lastRun().times.jobs.build?.reused).toBe('none');
  const forked = await run('--event', 'events/fork.json');
  expect([forked.code, project.lastRun().result.jobs.publish?.reason]).toEqual([0, 'secret-withheld']);
  const explained = await project.run('explain', '--as', 'github', 'build');
  expect([explained.code, explained.stdout]).toEqual([0, expect.stringContaining('reuse')]);
});

test.each([
  [['--as', 'githib'], 'unknown-platform', "did you mean 'github'?"],
  [['--as', 'local'], 'unknown-platform', 'known: github'],
  [['--event', 'events/fork.json'], 'event-without-as', 'add --as github'],
  [['--as', 'github', '--event', 'nowhere.json'], 'event-unreadable', 'nowhere.json cannot be read (ENOENT)'],
  [['--as', 'github', '--event', 'events'], 'event-unreadable', 'events is no file'],
  [['--as', 'github', '--event', 'lockstep.yml'], 'event-unreadable', 'lockstep.yml is not JSON'],
  [['--as', 'github', '--event', 'events/none.json'], 'event-unreadable', '--event workflow_dispatch=FILE'],
  [
    ['--as', 'github', '--event', 'pull_request=events/none.json'],
    'event-unreadable',
    'does not say whose change it is about',
  ],
  [['--as', 'github', '--event', 'x', '--branch', 'b'], 'cannot be used with', "'--branch <name>'"],
  [['--as', 'github', '--event', 'x', '--tag', 'b'], 'cannot be used with', "'--tag <name>'"],
  [
    ['--as', 'github', '--event', 'x', '--pull-request', '5'],
    'cannot be used with',
    "'--pull-request <number>'",
  ],
])('%j: exit 2, and what to do', async (words, code, hint) => {
  using project = repository();
  for (const command of ['run', 'plan', 'explain']) {
    const end = await runCli([command, ...words], { cwd: project.path });
    expect([end.code, end.stdout]).toEqual([2, '']);
    expect(end.stderr).toContain(code);
    expect(end.stderr).toContain(hint);
  }
});
