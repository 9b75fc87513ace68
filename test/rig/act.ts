// A project's workflow → what act printed of it: its jobs run on this machine itself, or in containers of an image.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { delimiter } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import type { Project } from './project.ts';
import type { Tool } from './tool.ts';

export interface ActOptions {
  /** Below `.github/workflows`. */
  readonly workflow: string;
  /** Null: on this machine itself. */
  readonly image: string | null;
  /** The folder where its machines keep their caches. */
  readonly cache: string;
  /** More options of act. */
  readonly words?: readonly string[];
}

const node = fileURLToPath(new URL('../../node_modules/.bin', import.meta.url));

export async function runAct(
  act: Tool,
  project: Project,
  { workflow, image, cache, words = [] }: ActOptions,
): Promise<{ readonly code: number | null; readonly output: string }> {
  if ('missing' in act) throw new Error(act.missing);
  const platforms = ['ubuntu-latest', 'ubuntu-24.04'].flatMap((name) => [
    '-P',
    `${name}=${image ?? '-self-hosted'}`,
  ]);
  const child = spawn(
    act.program,
    [
      ...['push', '--no-recurse', '-W', `.github/workflows/${workflow}`, ...platforms],
      ...(image === null ? [] : ['--pull=false', '--rm', '--container-options', `-v ${cache}:/root/.cache`]),
      ...words,
    ],
    {
      cwd: project.path,
      env: {
        ...process.env,
        PATH: [node, process.env.PATH].join(delimiter),
        XDG_CACHE_HOME: cache,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const closed = once(child, 'close');
  const output = (await Promise.all([text(child.stdout), text(child.stderr)])).join('\n');
  await closed;
  return { code: child.exitCode, output };
}
