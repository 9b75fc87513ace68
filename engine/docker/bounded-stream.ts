// A source of bytes → the same, given up when nobody takes them any more.
import { type Failure, fail } from '../../src/model/failure.ts';

export interface BoundedStream {
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Aborts with a Failure when a chunk was not taken for too long, with one of the given signals, or when the source throws. */
  readonly over: AbortSignal;
  /** What the source itself threw. */
  readonly sourceError: { readonly error: unknown } | null;
  /** The same promise, rejected with `GivenUp` when `over` aborts. */
  orOver<T>(promise: Promise<T>): Promise<T>;
  end(): void;
}

/** Rejection of `orOver`. */
export class GivenUp extends Error {
  readonly failure: Failure;

  constructor(failure: Failure) {
    super(failure.message);
    this.failure = failure;
  }
}

/** Time that the source itself takes does not count. After the last chunk `stallMs` are left for the answer. */
export function streamBounded(
  source: AsyncIterable<Uint8Array>,
  stallMs: number,
  signals: readonly AbortSignal[],
): BoundedStream {
  const over = new AbortController();
  const ended = new AbortController();
  let sourceError: { readonly error: unknown } | null = null;
  let timer: NodeJS.Timeout | undefined;
  const watch = (): void => {
    timer = setTimeout(() => {
      const seconds = Math.round(stallMs / 1000);
      over.abort(
        fail('environment', 'engine-lost', `the container engine took no bytes for ${seconds} s`).failure,
      );
    }, stallMs);
  };
  for (const signal of signals) {
    if (signal.aborted) over.abort(signal.reason);
    signal.addEventListener('abort', () => over.abort(signal.reason), { signal: ended.signal });
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source) {
        watch();
        yield chunk;
        clearTimeout(timer);
      }
    } catch (error) {
      // Thrown, it would reach nobody: what takes the chunks is an HTTP request, which must not end as if it were whole.
      sourceError = { error };
      over.abort(fail('environment', 'source-failed', 'the source of the bytes failed').failure);
      return;
    }
    watch();
  }
  return {
    chunks: chunks(),
    over: over.signal,
    get sourceError() {
      return sourceError;
    },
    async orOver(promise) {
      const late = Promise.withResolvers<never>();
      const give = (): void => late.reject(new GivenUp(over.signal.reason as Failure));
      if (over.signal.aborted) give();
      over.signal.addEventListener('abort', give, { signal: ended.signal });
      return Promise.race([promise, late.promise]);
    },
    end() {
      clearTimeout(timer);
      ended.abort();
    },
  };
}
