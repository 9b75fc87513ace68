// The project's own workflow in act, on this machine and in an image: the same digest as `lockstep run`, and its cache server
// answers on a second machine.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { runAct } from '../rig/act.ts';
import { Project, removeSnapshots } from '../rig/project.ts';
import { freePort } from '../rig/registry.ts';
import { findTool } from '../rig/tool.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));
const act = await findTool('act');

/** In place of the project's own pipeline, which takes minutes. */
const pipeline = `version: 1
name: peers
jobs:
  build:
    image: busybox:latest
    env: { COMMIT: "\${{ git.branch }} \${{ git.sha }} \${{ git.dirty }}" }
    steps:
      - { name: install, inputs: [action.yml], run: test -f action.yml }
      - { name: compile, inputs: [src], run: "cat src > compiled; echo $COMMIT; echo ::error::from a step" }
`;

/** With git, which the image of the same name on Docker Hub does not have. */
const runnerImage = 'lockstep-test/runner:24';
const recipe = `FROM node:24-bookworm-slim
RUN command -v git || { apt-get update && apt-get install -y --no-install-recommends ca-certificates git; }
`;
const makeRunnerImage = (): void => {
  const proxy = ['--network', 'host', '--build-arg', 'http_proxy', '--build-arg', 'HTTP_PROXY'];
  execFileSync('docker', ['build', '-q', ...proxy, '-t', runnerImage, '-'], { input: recipe, stdio: 'pipe' });
};

describe.skipIf('missing' in act)(`act${'missing' in act ? ` (${act.missing})` : ''}`, () => {
  test.each([
    ['on this machine', null],
    ['in an image', runnerImage],
  ])('%s: the same digest, and on a machine without a past from the cache', async (_, image) => {
    if (image !== null) makeRunnerImage();
    using project = new Project({ 'lockstep.yml': pipeline, src: 'first\n' });
    // No more of the action than is committed.
    for (const file of ['action.yml', 'dist', '.gitignore', '.github/workflows/ci.yml'])
      cpSync(at(file), join(project.path, file), { recursive: true });
    project.commit();
    project.sh('git remote add origin https://github.com/o/r.git');
    const servers = mkdtempSync(join(tmpdir(), 'lockstep-act-'));
    const run = async (machine: string): Promise<string> => {
      const cache = join(servers, machine);
      mkdirSync(cache);
      const words = [
        ...['--job', 'pipeline', '--cache-server-addr', '127.0.0.1'],
        ...['--cache-server-path', join(servers, 'cache'), '--artifact-server-addr', '127.0.0.1'],
        ...['--artifact-server-path', join(servers, 'artifacts')],
        ...['--artifact-server-port', String(await freePort())],
      ];
      const { code, output } = await runAct(act, project, { workflow: 'ci.yml', image, cache, words });
      removeSnapshots(cache);
      expect(code, output).toBe(0);
      return output;
    };
    try {
      const local = await project.run('run', '--no-reuse');
      expect(local.code, local.output).toBe(0);
      const { digest } = project.lastRun().times;
      const first = await run('first');
      expect(first).toContain(`result ${digest}`);
      expect(first).toContain('{"steps":2,"reused":0}');
      const second = await run('second');
      expect(second).toContain(`result ${digest}`);
      expect(second).toContain('{"steps":2,"reused":2}');
    } finally {
      rmSync(servers, { recursive: true, force: true });
    }
  });
});
