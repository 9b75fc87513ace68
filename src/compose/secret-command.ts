// A shell command that prints a secret → its value, in bounded time, with nothing of it in what is said of a failure.
import { spawn } from 'node:child_process';
import type { Environment } from '../contract/provider.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import { largeHint, valueLimit, withoutLastNewline, withoutValues } from './secret-value.ts';

export interface CommandSurroundings {
  readonly folder: string;
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** 60 s. */
  readonly timeoutMs?: number;
}

/** Of what the command says on stderr this much is kept, from its end. */
const saidLimit = 2000;

/** Run by `sh -c`, without stdin or terminal. Failure (`environment`): `secret-command`. */
export async function runSecretCommand(
  name: string,
  command: string,
  { folder, environment, signal, timeoutMs = 60_000 }: CommandSurroundings,
): Promise<Outcome<Uint8Array>> {
  const deadline = AbortSignal.timeout(timeoutMs);
  const stop = AbortSignal.any([signal, deadline]);
  const out = { stdout: [] as Buffer[], bytes: 0, said: Buffer.alloc(0) };
  const child = spawn('sh', ['-c', command], {
    ...{ cwd: folder, env: { ...environment }, stdio: ['ignore', 'pipe', 'pipe'] },
    // A group of its own: what the shell started ends with it, and holds no pipe open.
    detached: true,
  });
  const end = Promise.withResolvers<string>();
  const kill = (): void => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It is gone already.
    }
  };
  const giveUp = (why: string): void => {
    end.resolve(why);
    kill();
  };
  const onStop = (): void =>
    giveUp(deadline.aborted ? `took longer than ${timeoutMs / 1000} s` : 'was stopped');
  stop.addEventListener('abort', onStop);
  child.stdout.on('data', (chunk: Buffer) => {
    out.bytes += chunk.length;
    // One more for the newline that is taken away.
    if (out.bytes > valueLimit + 1) giveUp('printed more than 64 KiB');
    else out.stdout.push(chunk);
  });
  child.stderr.on('data', (chunk: Buffer) => {
    const said = Buffer.concat([out.said, chunk]);
    // Whole lines: the end of a value could not be told from other text.
    const cut = said.length > saidLimit ? said.indexOf('\n', said.length - saidLimit) : -1;
    out.said = said.length <= saidLimit ? said : cut === -1 ? Buffer.alloc(0) : said.subarray(cut + 1);
  });
  child.on('error', (error) => end.resolve(`could not be started (${error.message})`));
  // What it left running in the background must not keep us: only the shell itself is waited for, and what it wrote.
  child.on('exit', kill);
  child.on('close', (code, killedBy) =>
    end.resolve(code === 0 ? '' : killedBy === null ? `ended with ${code}` : `was killed by ${killedBy}`),
  );
  if (stop.aborted) onStop();
  const why = await end.promise;
  stop.removeEventListener('abort', onStop);
  const value = withoutLastNewline(Buffer.concat(out.stdout));
  const because = why === '' && value.length === 0 ? 'printed nothing' : why;
  if (because === '') return ok(value);
  const cause = await withoutValues(out.said.toString().trim(), [value]);
  return fail(
    'environment',
    'secret-command',
    `the command of the secret ${name} (${firstWord(command)}) ${because}`,
    {
      hint: out.bytes > valueLimit + 1 ? largeHint : 'run it by hand; it gets no terminal and no stdin',
      ...(cause !== '' && { cause }),
    },
  );
}

/** The rest of a command may hold what nobody should see; so may a variable that is set in front of it. */
export const firstWord = (command: string): string => /^\s*([\w./+-]+)(?=\s|$)/.exec(command)?.[1] ?? '…';
