// A command line → how long it takes, or how much memory; its output goes to /dev/null.
import { spawn, type SpawnOptions } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { timed } from './rounds.ts';

export type CommandLine = readonly [program: string, ...words: string[]];

/** Rejects when it does not end with 0: a figure of something that failed says nothing. */
export function runToEnd([program, ...words]: CommandLine, options: SpawnOptions = {}): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, words, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ${words.join(' ')} ended with ${signal ?? code ?? 'nothing'}`));
    });
  });
}

export const timeToEnd = (command: CommandLine, cwd?: string, env = process.env): Promise<number> =>
  timed(() => runToEnd(command, { cwd, env }));

/** A script for `sh`, e.g. with a pipe in it. */
export const timeScript = (script: string, cwd?: string): Promise<number> =>
  timeToEnd(['sh', '-e', '-c', script], cwd);

/** The most memory the process itself held (Linux), in MB, and how long it took. */
export async function peakMemory([program, ...words]: CommandLine, cwd: string) {
  let peak = 0;
  const ms = await timed(async () => {
    const child = spawn(program, words, { cwd, stdio: 'ignore' });
    const look = setInterval(() => {
      peak = Math.max(peak, highWaterMark(child.pid ?? 0));
    }, 25);
    const code = await new Promise((resolve, reject) => child.once('close', resolve).once('error', reject));
    clearInterval(look);
    if (code !== 0) throw new Error(`${program} ended with ${String(code)}`);
  });
  return { ms, megabytes: peak / 1e6 };
}

/** Bytes; 0 for a process that is gone. https://man7.org/linux/man-pages/man5/proc_pid_status.5.html */
function highWaterMark(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
