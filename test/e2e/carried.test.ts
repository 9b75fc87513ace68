// Two machines with an engine each and nothing in common but the folder of `--cache`.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runCli, type CliEnd } from '../rig/cli.ts';
import { docker } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';
import { noSecondEngine, SecondEngine } from '../rig/second-engine.ts';

const pipeline = `version: 1
defaults: { image: "busybox:latest" }
caches: { tools: { path: /tools, key: [lock] } }
jobs:
  build:
    caches: [tools]
    steps:
      - name: install
        inputs: [lock]
        run: |
          echo installing
          ls /tools
          echo tool > /tools/tool
          head -c 1000000 /dev/urandom > /root/installed
          chmod 4755 /root/installed
          sleep 2
      - name: compile
        inputs: [src]
        run: |
          cat src
          stat -c 'mode %a' /root/installed
          mkdir out && sha256sum < src > out/sum
    artifacts: { dist: out/** }
`;

/** What a machine that is no more left in the engine that outlives it. */
function removeStore(store: string): void {
  const label = ['--filter', `label=dev.lockstep.store=${store}`];
  for (const id of lines(docker('images', '-q', ...label))) docker('rmi', id);
  for (const name of lines(docker('volume', 'ls', '-q', ...label))) docker('volume', 'rm', name);
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '');

describe.skipIf(noSecondEngine !== null)(
  `another machine${noSecondEngine ? ` (${noSecondEngine})` : ''}`,
  () => {
    let second: SecondEngine;
    let kept: string;
    beforeAll(async () => {
      second = await SecondEngine.start();
      kept = mkdtempSync(join(tmpdir(), 'lockstep-kept-'));
    });
    afterAll(async () => {
      await second[Symbol.asyncDispose]();
      rmSync(kept, { recursive: true, force: true });
    });

    /** On a machine without a past of its own. */
    async function runFresh(project: Project, cache: string, ...args: string[]): Promise<CliEnd> {
      const home = mkdtempSync(join(tmpdir(), 'lockstep-machine-'));
      try {
        const env = { XDG_CACHE_HOME: home };
        return await runCli(['run', '--cache', cache, ...args], { cwd: project.path, env });
      } finally {
        removeStore(readFileSync(join(home, 'lockstep/v1/store-id'), 'utf8').trim());
        rmSync(home, { recursive: true, force: true });
      }
    }

    test('starts from the snapshot, gets the caches, and reuses all of an unchanged job', async () => {
      using project = new Project({ 'lockstep.yml': pipeline, lock: '1', src: 'first\n' });
      const first = await runFresh(project, kept);
      expect(first.code, first.output).toBe(0);
      expect(readdirSync(kept)).toHaveLength(2);

      project.write({ src: 'edited\n' });
      const edited = await runFresh(project, kept, '--engine', second.address);
      expect(edited.code, edited.output).toBe(0);
      expect(edited.output).toMatch(/^edited$/m);
      expect(edited.output).toMatch(/^mode 4755$/m);
      expect(project.lastRun().times.jobs.build).toMatchObject({ reused: 'prefix' });
      const { result } = project.lastRun();

      const again = await runFresh(project, kept, '--engine', second.address);
      expect(again.code, again.output).toBe(0);
      expect(project.lastRun().times.jobs.build).toMatchObject({ reused: 'all' });
      expect(project.lastRun().result).toEqual(result);

      // The whole from its start, on an engine that has no such volume: what the first machine left in it is there.
      project.write({ 'lockstep.yml': pipeline.replace('echo installing', 'echo installing anew') });
      const anew = await runFresh(project, kept, '--engine', second.address);
      expect(anew.output).toMatch(/^tool$/m);
      expect(project.lastRun().times.jobs.build).toMatchObject({ reused: 'none' });
    });

    test('goes on without a folder that is none', async () => {
      using project = new Project({ 'lockstep.yml': pipeline, lock: '2', src: 'x\n', file: 'a file' });
      const end = await runFresh(project, 'file');
      expect(end.code, end.output).toBe(0);
      expect(end.output.match(/goes on without/g)).toHaveLength(1);
    });
  },
);
