// A cache store → one that is off for the rest of the run after its first outage, for calls under way too, and that keeps
// nobody waiting for nothing.
import type { CacheAnswer, CacheReceipt, CacheStore } from '../../src/contract/cache-store.ts';

export interface BreakerOptions {
  /** Called once, with a sentence for people. */
  readonly onOutage: (message: string) => void;
  /** Silence for so long is an outage, however long a call that goes on may take in all. Default: 30 s. */
  readonly silentMs?: number;
  /** When it aborts nobody is kept waiting any more; that is no outage to tell of. */
  readonly cancel?: AbortSignal;
}

type Outage = Extract<CacheAnswer, { readonly kind: 'outage' }>;

export function breaker(
  store: CacheStore,
  { onOutage, silentMs = 30_000, cancel }: BreakerOptions,
): CacheStore {
  let outage: Outage | null = null;
  const broken = Promise.withResolvers<Outage>();
  const trip = (message: string): Outage => {
    if (outage === null) onOutage(message);
    outage ??= { kind: 'outage', message };
    broken.resolve(outage);
    return outage;
  };
  /** What comes after the silence is waited for by nobody. */
  const guard = async <T extends CacheAnswer | CacheReceipt>(
    call: (heard: () => void) => Promise<T>,
  ): Promise<T | Outage> => {
    if (outage !== null) return outage;
    if (cancel?.aborted) return cancelled;
    const silence = Promise.withResolvers<'silence' | 'cancel'>();
    const stop = (): void => silence.resolve('cancel');
    cancel?.addEventListener('abort', stop);
    const timer = setTimeout(() => silence.resolve('silence'), silentMs);
    try {
      const answer = await Promise.race([call(() => timer.refresh()), silence.promise, broken.promise]);
      if (answer === 'cancel') return cancelled;
      if (answer === 'silence') return trip(`${store.name} gave no sign of life for ${silentMs / 1000}s`);
      return answer.kind === 'outage' ? trip(answer.message) : answer;
    } finally {
      clearTimeout(timer);
      cancel?.removeEventListener('abort', stop);
    }
  };
  return {
    name: store.name,
    ...(store.takesNothing !== undefined && { takesNothing: store.takesNothing }),
    look: (request) => guard(() => store.look(request)),
    get: (request, into, heard) => guard((alive) => store.get(request, into, both(alive, heard))),
    put: (key, file, heard) => guard((alive) => store.put(key, file, both(alive, heard))),
  };
}

const cancelled: Outage = { kind: 'outage', message: 'cancelled' };

const both =
  (one: () => void, other?: () => void): (() => void) =>
  () => {
    one();
    other?.();
  };
