// bin/lockstep as a child process: what it printed and how it ended.
import { spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const launcher = fileURLToPath(new URL('../../bin/lockstep', import.meta.url));

export interface CliEnd {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Both, in the order they came. */
  readonly output: string;
}

export interface Cli {
  readonly child: ChildProcess;
  readonly end: Promise<CliEnd>;
  /** Resolves as soon as the output so far matches; rejects when the process ends without. */
  printed(pattern: RegExp): Promise<void>;
}

export interface CliOptions {
  readonly cwd: string;
  /** One that is undefined is taken away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Where runs in a folder keep their records: what another test left must not answer for them. */
export const cacheHome = (cwd: string): string => {
  const digest = createHash('sha256').update(cwd).digest('hex').slice(0, 16);
  return join(tmpdir(), `lockstep-test-cache-${process.pid}-${digest}`);
};

/** A test that runs on a CI platform is about none, unless it says so. */
export const nowhere = {
  ...{ GITHUB_ACTIONS: undefined, GITEA_ACTIONS: undefined, FORGEJO_ACTIONS: undefined },
  GITLAB_CI: undefined,
};

/** The environment is the test's, less what would colour or redirect the output. */
export function startCli(args: readonly string[], { cwd, env = {} }: CliOptions): Cli {
  const plain = { NO_COLOR: '', FORCE_COLOR: '' };
  const child = spawn(launcher, args, {
    cwd,
    env: { ...process.env, ...nowhere, ...plain, XDG_CACHE_HOME: cacheHome(cwd), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const streams = { stdout: '', stderr: '' };
  const waiting = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      streams[name] += text;
      output += text;
      for (const look of waiting) look();
    });
  }
  const end = new Promise<CliEnd>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, ...streams, output }));
  });
  const printed = (pattern: RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (!pattern.test(output)) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
      void end.then(() => reject(new Error(`ended without printing ${String(pattern)}:\n${output}`)));
    });
  return { child, end, printed };
}

export const runCli = (args: readonly string[], options: CliOptions): Promise<CliEnd> =>
  startCli(args, options).end;
