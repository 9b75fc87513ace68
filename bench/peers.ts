// Other tools that run pipelines on a laptop → installed outside the repository, or the reason why one cannot be had.
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Tool } from '../test/rig/tool.ts';

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'lockstep', 'bench');

/** gitlab-ci-local copies a job's files with the rsync and git of this image; its own comes from a registry. */
export const gitlabHelper = 'lockstep-bench/gitlab-helper:latest';
const helperRecipe = `FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends rsync git && rm -rf /var/lib/apt/lists/*
`;

export async function gitlabCiLocal(): Promise<Tool> {
  const program = join(cache, 'gitlab-ci-local', 'node_modules', '.bin', 'gitlab-ci-local');
  return installed(program, async () => {
    const apt = process.getuid?.() === 0 ? 'apt-get install -y rsync' : 'false';
    await sh(`command -v rsync || ${apt}`);
    await sh(
      `npm install --no-audit --no-fund --prefix '${join(cache, 'gitlab-ci-local')}' gitlab-ci-local@4.75`,
    );
    const recipe = join(cache, 'gitlab-helper.Dockerfile');
    writeFileSync(recipe, helperRecipe);
    await sh(
      `docker image inspect ${gitlabHelper} || docker build --network host --build-arg http_proxy --build-arg HTTP_PROXY -t ${gitlabHelper} - < '${recipe}'`,
    );
  });
}

/** Each part of `install` does nothing where it was done before. */
async function installed(program: string, install: () => Promise<void>): Promise<Tool> {
  mkdirSync(cache, { recursive: true });
  try {
    await install();
  } catch (error) {
    const last = error instanceof Error ? error.message.trim().split('\n').at(-1) : undefined;
    return { missing: last ?? 'its installation failed' };
  }
  return existsSync(program) ? { program } : { missing: `its installation left no ${program}` };
}

const sh = (script: string) => promisify(execFile)('sh', ['-e', '-c', script]);
