// Jobs of GitLab's on machines that begin with nothing: what they reuse through the package registry, and of whom.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { newRecordKeys } from '../../providers/gitlab/record-keys.ts';
import { gitlabServer, type GitlabServer } from '../fakes/gitlab-server.ts';
import type { CliEnd } from '../rig/cli.ts';
import { Project, removeSnapshots } from '../rig/project.ts';

const pipeline = `version: 1
caches: { npm: { path: /cache, key: [lock] } }
jobs:
  build:
    image: busybox:latest
    caches: [npm]
    steps: ['cat src; echo "cache: $(ls /cache)"; touch /cache/$(cat lock)']
    artifacts: { out: src }
`;
const keys = newRecordKeys();

let server: GitlabServer;
let project: Project;
beforeEach(async () => {
  server = await gitlabServer();
  project = new Project({ 'lockstep.yml': pipeline, src: 'one\n', lock: 'l1\n' });
  project.commit();
});
afterEach(async () => {
  project[Symbol.dispose]();
  await server.close();
});

interface Job {
  readonly branch?: string;
  /** Null: the branch is not protected. */
  readonly key?: string | null;
  readonly more?: Readonly<Record<string, string>>;
}

/** On a machine of its own; only what the job's `cache:` names is kept of the last. */
async function job({
  branch = 'main',
  key = keys.LOCKSTEP_RECORD_KEY,
  more = {},
}: Job = {}): Promise<CliEnd> {
  const home = mkdtempSync(join(tmpdir(), 'lockstep-machine-'));
  try {
    const variables = {
      ...server.job(),
      ...{ CI_PROJECT_DIR: project.path, CI_PROJECT_PATH: 'o/r', CI_DEFAULT_BRANCH: 'main', CI_JOB_ID: '1' },
      ...{ CI_PIPELINE_SOURCE: 'push', CI_COMMIT_BRANCH: branch, CI_COMMIT_REF_NAME: branch },
      ...{
        CI_COMMIT_SHA: project.sh('git rev-parse HEAD').trim(),
        CI_COMMIT_REF_PROTECTED: String(key !== null),
      },
      ...{ LOCKSTEP_GITLAB_CACHE: '.lockstep/kept', XDG_CACHE_HOME: home },
      ...{
        LOCKSTEP_RECORD_PUBLIC_KEY: keys.LOCKSTEP_RECORD_PUBLIC_KEY,
        ...(key !== null && { LOCKSTEP_RECORD_KEY: key }),
      },
    };
    const end = await project.start(['run'], { ...variables, ...more }).end;
    expect(end.code, end.output).toBe(0);
    expect(end.output).not.toContain(keys.LOCKSTEP_RECORD_KEY.slice(16));
    return end;
  } finally {
    removeSnapshots(home);
    rmSync(home, { recursive: true, force: true });
  }
}
const reused = () => project.lastRun().times.jobs.build?.reused;

test('the second machine reuses what the first left, and starts from its cache directory', async () => {
  const first = await job();
  expect(first.output).toMatch(/^cache: $/m);
  expect(server.packages.map(({ name }) => name)).toEqual([
    expect.stringMatching(/^lockstep-v1\+job\+.*\+whole\+$/),
  ]);
  const { result } = project.lastRun();
  await job();
  expect(reused()).toBe('all');
  expect(project.lastRun().result).toEqual(result);
  expect(server.packages).toHaveLength(1);
  project.write({ src: 'two\n' });
  expect((await job()).output).toMatch(/^cache: l1$/m);
});

test('a branch that is not protected reads records, writes none, and keeps its own in the folder', async () => {
  await job();
  const topic = { branch: 'topic', key: null };
  await job(topic);
  expect(reused()).toBe('all');
  project.write({ src: 'topic\n' });
  await job(topic);
  expect(reused()).toBe('none');
  await job(topic);
  expect(reused()).toBe('all');
  expect(server.packages).toHaveLength(1);
  // What the folder has of it is none of main's.
  await job();
  expect(reused()).toBe('none');
});

test('a merge request from a fork reads records, keeps nothing anywhere, and gets no secret', async () => {
  const withSecret = pipeline
    .replace('jobs:', 'secrets: { TOKEN: { required: false } }\njobs:')
    .replace("steps: ['", 'secrets: [TOKEN]\n    steps: [\'echo "token: ${TOKEN-none}"; ');
  project.write({ 'lockstep.yml': withSecret });
  const of = (source: string) => ({
    ...{ branch: '', key: null },
    more: {
      ...{ CI_PIPELINE_SOURCE: 'merge_request_event', CI_MERGE_REQUEST_IID: '7', TOKEN: 'hunter2hunter2' },
      ...{ CI_MERGE_REQUEST_SOURCE_BRANCH_NAME: 'x', CI_MERGE_REQUEST_TARGET_BRANCH_NAME: 'main' },
      ...{ CI_MERGE_REQUEST_SOURCE_PROJECT_ID: source, CI_MERGE_REQUEST_PROJECT_ID: '1' },
    },
  });
  const [fork, own] = [of('2'), of('1')];
  await job();
  const kept = (): string => project.sh('find .lockstep/kept -type f | sort | xargs sha256sum');
  const before = kept();
  await job(fork);
  expect(reused()).toBe('all');
  project.write({ src: 'fork\n' });
  for (const round of ['first', 'again']) {
    const { output } = await job(fork);
    expect(output).toMatch(/^token: none$/m);
    expect(reused(), round).toBe('none');
  }
  expect([kept(), server.packages.length]).toEqual([before, 1]);
  expect((await job(own)).output).toMatch(/^token: \*\*\*$/m);
  expect(kept()).not.toBe(before);
});

test('a record that somebody made without the key is taken by nobody', async () => {
  const forger = newRecordKeys();
  await job({ key: forger.LOCKSTEP_RECORD_KEY, more: forger });
  expect(server.packages).toHaveLength(1);
  rmSync(join(project.path, '.lockstep/kept'), { recursive: true });
  await job({ branch: 'topic', key: null });
  expect(reused()).toBe('none');
  await job();
  expect(reused()).toBe('none');
  expect(server.packages).toHaveLength(2);
});

test('the command that makes the keys prints them, and writes nothing', async () => {
  const files = (): string => project.sh('find . -path ./.git -prune -o -type f -print | sort');
  const before = files();
  const { code, stdout, stderr } = await project.run('generate', 'gitlab-keys');
  expect([code, stderr, files()]).toEqual([0, '', before]);
  expect(stdout.match(/^LOCKSTEP_RECORD_(PUBLIC_)?KEY=\S+$/gm)).toHaveLength(2);
});

test('a registry that is away costs its records, not the cache directories: said once', async () => {
  await job();
  server.fault = () => ({ status: 503 });
  project.write({ src: 'two\n' });
  const { output } = await job();
  expect(output).toMatch(/^cache: l1$/m);
  expect(output.match(/goes on without GitLab's package registry/g)).toHaveLength(1);
  // Nor what a branch that is not protected has in the folder.
  const topic = { branch: 'topic', key: null };
  await job(topic);
  const again = await job(topic);
  expect(reused()).toBe('all');
  expect(again.output).not.toContain('goes on without');
  project.write({ src: 'three\n' });
  expect((await job(topic)).output.match(/goes on without GitLab's package registry/g)).toHaveLength(1);
});
