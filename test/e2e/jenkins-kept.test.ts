// A folder that Jenkins keeps from one agent to the next (`cache: 'jobcacher'`): what builds of a branch, a change and a fork find in it
// and leave there.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Project } from '../rig/project.ts';

const pipeline = `version: 1
jobs:
  build: { image: "busybox:latest", steps: [{ run: cat a, inputs: [a] }] }
`;
const branch = { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true', JOB_NAME: 'web/main' };
const change = {
  CHANGE_ID: '5',
  CHANGE_BRANCH: 'main',
  CHANGE_TARGET: 'main',
  LOCKSTEP_DEFAULT_BRANCH: 'main',
};
const ofChange = (name: string) => ({ ...change, BRANCH_NAME: name, JOB_NAME: `web/${name}` });
const fork = { ...ofChange('PR-6'), CHANGE_FORK: 'someone' };

test('a change and a fork find what the target left, a fork leaves nothing, and nothing of a change reaches the branch', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-kept-'));
  const files = (): string[] => readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort();
  /** On an agent that has nothing of its own. */
  const build = async (variables: Readonly<Record<string, string>>, a: string): Promise<unknown> => {
    using project = new Project({ 'lockstep.yml': pipeline, a });
    project.commit();
    const environment = { JENKINS_URL: 'https://ci.test/', ...variables };
    const { code, output } = await project.start(['run', '--cache', folder], environment).end;
    expect(code, output).toBe(0);
    return project.lastRun().times.jobs.build?.reused;
  };
  try {
    expect(await build(branch, 'one')).not.toBe('all');
    const ofBranch = files();
    expect(ofBranch).not.toEqual([]);
    expect(await build(fork, 'one')).toBe('all');
    expect(await build(fork, 'two')).not.toBe('all');
    expect(files()).toEqual(ofBranch);
    expect(await build(ofChange('PR-5'), 'one')).toBe('all');
    expect(await build(ofChange('PR-5'), 'two')).not.toBe('all');
    expect(files().length).toBeGreaterThan(ofBranch.length);
    expect(await build(ofChange('PR-5'), 'two')).toBe('all');
    for (const other of [ofChange('PR-7'), branch]) expect(await build(other, 'two')).not.toBe('all');
  } finally {
    rmSync(folder, { recursive: true });
  }
});
