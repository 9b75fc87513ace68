// A project with a .gitlab-ci.yml → what gitlab-ci-local printed of its pipeline, run in containers of this machine's engine.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter, join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Project } from './project.ts';
import type { Tool } from './tool.ts';

/** What it copies files with; made by scripts/ensure-tools. */
export const helperImage = 'lockstep-test/gitlab-helper:latest';

const node = fileURLToPath(new URL('../../node_modules/.bin', import.meta.url));

export interface PipelineEnd {
  /** 0 also where a job failed that has `allow_failure: exit_codes`: the lines at the end say how each ended. */
  readonly code: number | null;
  readonly stdout: string;
  /** Both streams, one after the other. */
  readonly output: string;
  /** The folder with what it keeps of a job. */
  readonly artifacts: (job: string) => string;
}

export async function runGitlabPipeline(
  tool: Tool,
  project: Project,
  words: readonly string[] = [],
): Promise<PipelineEnd> {
  if ('missing' in tool) throw new Error(tool.missing);
  const child = spawn(
    tool.program,
    [
      ...['--pull-policy', 'if-not-present', '--helper-image', helperImage],
      // It says `false` itself, so that nothing takes it for GitLab.
      ...['--variable', 'GITLAB_CI=true', '--variable', 'CI_DISPOSABLE_ENVIRONMENT=true'],
      ...['--ignore-predefined-vars', 'GITLAB_CI,CI_DISPOSABLE_ENVIRONMENT'],
      ...['--no-artifacts-to-source', '--volume', '/var/run/docker.sock:/var/run/docker.sock'],
      ...words,
    ],
    {
      cwd: project.path,
      env: { ...project.environment, PATH: [node, process.env.PATH].join(delimiter) },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const closed = once(child, 'close');
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  await closed;
  const kept = join(project.path, '.gitlab-ci-local/artifacts');
  const output = `${stdout}\n${stderr}`;
  return { code: child.exitCode, stdout, output, artifacts: (job) => join(kept, folderName(job)) };
}

const folderName = (job: string): string =>
  job.replace(/[^\w-]+/g, (odd) => Buffer.from(odd).toString('base64url'));
