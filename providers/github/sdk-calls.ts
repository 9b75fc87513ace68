// Calls to GitHub's clients → what they gave and what they said, in bounded time. Each client lives in a thread of its own
// (sdk-thread) that keeps no process from its end: it takes long to load, and few runs need both.
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Environment } from '../../src/contract/provider.ts';

/** What each client is asked to do. */
export interface SdkActions {
  readonly cache:
    | {
        readonly type: 'restore';
        readonly path: string;
        readonly key: string;
        readonly restoreKeys: readonly string[];
        readonly lookupOnly: boolean;
      }
    | { readonly type: 'save'; readonly path: string; readonly key: string };
  readonly artifact: {
    readonly name: string;
    readonly files: readonly string[];
    readonly root: string;
    readonly retentionDays: number;
  };
}
export type SdkClient = keyof SdkActions;

export interface SdkRequest<Client extends SdkClient> {
  readonly id: number;
  /** Working directory, workspace and temporary folder of the call. */
  readonly folder: string;
  readonly action: SdkActions[Client];
}

export type SdkMessage =
  /** The client is loaded. */
  | { readonly type: 'ready' }
  | { readonly type: 'word'; readonly id: number; readonly text: string }
  | { readonly type: 'returned'; readonly id: number; readonly value: unknown }
  | { readonly type: 'threw'; readonly id: number; readonly name: string; readonly message: string };

/** `words`: what the client printed, workflow commands such as `::warning::…` among it. No text has a token in it. */
export type SdkOutcome =
  | { readonly kind: 'returned'; readonly value: unknown; readonly words: readonly string[] }
  | { readonly kind: 'threw'; readonly name: string; readonly message: string }
  /** Nobody answers, or nobody waits any more. A sentence for people. */
  | { readonly kind: 'away'; readonly message: string };

export interface SdkCalls<Client extends SdkClient> {
  /** Makes the first call start sooner. */
  load(): void;
  /** Never rejects. `heard`: at any sign of life, of other calls too, since calls wait for one another. */
  call(
    folder: string,
    action: SdkActions[Client],
    options?: { readonly signal?: AbortSignal | undefined; readonly heard?: (() => void) | undefined },
  ): Promise<SdkOutcome>;
}

export interface SdkOptions<Client extends SdkClient> {
  readonly client: Client;
  readonly environment: Environment;
  /** For people. */
  readonly name: string;
  /** After so long without a sign of life a call is given up. */
  readonly silentMs: number;
}

/** The clients try 5 times, which takes them half a minute; 3 take 9 seconds. */
const triesEnough = 3;
const lookEveryMs = 1000;

interface Pending {
  readonly words: string[];
  readonly settle: (outcome: SdkOutcome) => void;
  readonly alive: () => void;
}

export function sdkCalls<Client extends SdkClient>({
  client,
  environment,
  name,
  silentMs,
}: SdkOptions<Client>): SdkCalls<Client> {
  const pending = new Map<number, Pending>();
  let ids = 0;
  let thread: Worker | null = null;
  let abandoned = false;

  const alive = (): void => {
    for (const call of pending.values()) call.alive();
  };
  const receive = (message: SdkMessage): void => {
    if (message.type === 'ready') {
      alive();
      return;
    }
    const call = pending.get(message.id);
    if (call === undefined) return;
    switch (message.type) {
      case 'word': {
        const { text } = message;
        if (progressOf(text) !== progressOf(call.words.at(-1) ?? '')) alive();
        call.words.push(text);
        const tried = /^Attempt (\d+) of \d+ failed with error: ([^]*)\. Retrying/.exec(text);
        if (tried !== null && Number(tried[1]) >= triesEnough)
          call.settle({ kind: 'away', message: `${name} does not work: ${tried[2] ?? ''}` });
        return;
      }
      case 'returned': {
        call.settle({ kind: 'returned', value: message.value, words: call.words });
        return;
      }
      case 'threw': {
        call.settle({ kind: 'threw', name: message.name, message: message.message });
        return;
      }
    }
  };
  const started = (): Worker =>
    (thread ??= startThread(client, environment, receive, (message) => {
      thread = null;
      for (const call of pending.values()) call.settle({ kind: 'away', message });
    }));

  /** A call that nobody waits for goes on, and would yet write to where it may no longer. */
  const endAbandoned = async (): Promise<void> => {
    if (!abandoned || pending.size > 0) return;
    const ended = thread;
    thread = null;
    abandoned = false;
    await ended?.terminate();
  };

  return {
    load: () => void started(),
    async call(folder, action, { signal, heard } = {}) {
      const id = (ids += 1);
      const { promise, resolve } = Promise.withResolvers<SdkOutcome>();
      const silence = setTimeout(() => {
        resolve({ kind: 'away', message: `${name} gave no sign of life for ${silentMs / 1000}s` });
      }, silentMs);
      const cancel = (): void => resolve({ kind: 'away', message: 'cancelled' });
      signal?.addEventListener('abort', cancel);
      const call: Pending = {
        words: [],
        settle: resolve,
        alive: () => {
          silence.refresh();
          heard?.();
        },
      };
      pending.set(id, call);
      const watch = watchSize(folder, alive);
      try {
        if (signal?.aborted) cancel();
        else started().postMessage({ id, folder, action } satisfies SdkRequest<Client>);
        const outcome = await promise;
        if (outcome.kind === 'away') abandoned = true;
        else alive();
        return withoutTokens(outcome, call.words, environment.ACTIONS_RUNTIME_TOKEN);
      } finally {
        clearTimeout(silence);
        clearInterval(watch);
        signal?.removeEventListener('abort', cancel);
        pending.delete(id);
        await endAbandoned();
      }
    },
  };
}

function startThread(
  client: SdkClient,
  environment: Environment,
  receive: (message: SdkMessage) => void,
  ended: (message: string) => void,
): Worker {
  const entry = new URL(`./${client}-thread${extname(import.meta.url)}`, import.meta.url);
  const env = Object.fromEntries(
    // Debugging makes the clients list every archive.
    Object.entries(environment).filter(([key, value]) => value !== undefined && key !== 'RUNNER_DEBUG'),
  );
  // Nothing is read from these two: that would keep the process from its end.
  const thread = new Worker(entry, { env, execArgv: [], stdout: true, stderr: true });
  thread.on('message', receive);
  thread.on('error', (error) => ended(`GitHub's client broke down: ${String(error)}`));
  thread.unref();
  return thread;
}

/** Every second the clients tell how far they are, moved or not: `Sent 10 of 20 (50.0%), 1.3 MBs/sec`. */
const progressOf = (word: string): string => /^(Sent|Received) \d+/.exec(word)?.[0] ?? word;

/** What is packed, fetched and unpacked grows there, where the clients say nothing. */
function watchSize(folder: string, changed: () => void): NodeJS.Timeout {
  let before = 0;
  const look = async (): Promise<void> => {
    // With types, since without them it follows links, and two to their own folder would never end.
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => entry.isFile());
    const sizes = await Promise.all(
      files.map(async ({ parentPath, name }) => (await stat(join(parentPath, name))).size),
    );
    const now = sizes.reduce((sum, size) => sum + size, 0);
    if (now !== before) changed();
    before = now;
  };
  // What goes away meanwhile is looked at again.
  return setInterval(() => void look().catch(() => undefined), lookEveryMs);
}

/** Signatures are what the client asks the runner to mask, and a query of a URL is nobody's business. */
function withoutTokens(outcome: SdkOutcome, words: readonly string[], token: string | undefined): SdkOutcome {
  const masked = words.flatMap((word) => /^::add-mask::(.+)$/.exec(word)?.[1] ?? []);
  const secrets = [...masked, ...(token === undefined ? [] : [token])];
  const clean = (text: string): string =>
    secrets
      .filter((secret) => secret !== '')
      .reduce((cleaned, secret) => cleaned.replaceAll(secret, '***'), text)
      .replace(/(https?:\/\/[^\s?]+)\?\S+/g, '$1');
  return outcome.kind === 'returned'
    ? { ...outcome, words: outcome.words.map(clean) }
    : { ...outcome, message: clean(outcome.message) };
}
