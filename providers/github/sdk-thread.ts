// What a thread of GitHub's clients has in common: calls as messages in; what the client said and gave, out.
//
// They speak to stdout, look everything up in process.env, and pack and unpack in the workspace. Here all three are the
// thread's own, and a call's own: each has a folder to itself, so calls go on side by side though all of them name the same
// path, which the clients make part of what a cache entry is found by. To be imported before them.
import { AsyncLocalStorage } from 'node:async_hooks';
import { parentPort } from 'node:worker_threads';
import type { SdkClient, SdkMessage, SdkRequest } from './sdk-calls.ts';

/** Each may have 8 connections, and starts programs to pack and unpack. */
const atOnce = 8;

const calls = new AsyncLocalStorage<Pick<SdkRequest<SdkClient>, 'id' | 'folder'>>();
const send = (message: SdkMessage): void => parentPort?.postMessage(message);

process.env = new Proxy(process.env, {
  get: (all, name) =>
    name === 'GITHUB_WORKSPACE' || name === 'RUNNER_TEMP' ? calls.getStore()?.folder : all[String(name)],
});
const cwd = process.cwd.bind(process);
process.cwd = () => calls.getStore()?.folder ?? cwd();
process.stdout.write = (text: string | Uint8Array): boolean => {
  const call = calls.getStore();
  if (call !== undefined) send({ type: 'word', id: call.id, text: String(text).trimEnd() });
  return true;
};
process.stderr.write = () => true;

/** The messages that come are for the client that `act` calls: no other thread has these. */
export function serveCalls(act: (action: never) => Promise<unknown>): void {
  let running = 0;
  const waiting: (() => void)[] = [];
  parentPort?.on('message', ({ id, folder, action }: SdkRequest<never>) => {
    void calls.run({ id, folder }, async () => {
      if (running === atOnce) await new Promise<void>((resolve) => waiting.push(resolve));
      else running += 1;
      try {
        send({ type: 'returned', id, value: await act(action) });
      } catch (error) {
        const { name, message } = error instanceof Error ? error : new Error(String(error));
        send({ type: 'threw', id, name, message });
      }
      const next = waiting.shift();
      if (next === undefined) running -= 1;
      else next();
    });
  });
  send({ type: 'ready' });
}
