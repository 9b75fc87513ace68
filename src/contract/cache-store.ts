// A place of a CI platform that keeps files from one machine to the next. Implementations: a folder; later the platforms' own.
// This comment and those below are the specification.
//
// Best effort: a miss, an outage and a refusal are no failures of a run, and nothing rejects for what the world does.
// Calls may come side by side, for one key too. A key that exists is never written again. What comes out is what went
// in, whole: bytes that were cut or changed on the way are a miss.
// Where a platform ties an entry to the path of its file, the implementation uses one path of its own for all of them.

export interface CacheStore {
  /** For people, e.g. `the folder .lockstep/cache`. */
  readonly name: string;
  /** Known beforehand: every `put` will be declined because of this, so that nobody packs anything. A clause for people. */
  readonly takesNothing?: string;
  /** What `get` would find, without its bytes. */
  look(request: CacheRequest): Promise<CacheAnswer>;
  /**
   * The file under `key`, else the newest under a key that begins with the first of `prefixes` that has any, to the path
   * `into`, where nothing lies yet. `heard` is called whenever the place gives a sign of life: who hears nothing for
   * long takes it to be away.
   */
  get(request: CacheRequest, into: string, heard?: () => void): Promise<CacheAnswer>;
  /** The file under the key. `heard` as above. */
  put(key: string, file: string, heard?: () => void): Promise<CacheReceipt>;
}

/** A key or a prefix, or both. */
export interface CacheRequest {
  /** At most 400 bytes of `A-Z a-z 0-9 . _ -` and `/`. */
  readonly key?: string;
  /** At most 5. */
  readonly prefixes?: readonly string[];
}

export type CacheAnswer =
  | { readonly kind: 'hit'; readonly key: string }
  /** `damaged`: there was something, and it is of no use; for people. */
  | { readonly kind: 'miss'; readonly damaged?: string }
  /** The place is away: tell it once and go on without it. */
  | { readonly kind: 'outage'; readonly message: string };

export type CacheReceipt =
  | { readonly kind: 'stored' | 'exists' }
  /** This run may not write, or there is no room; nothing is wrong. */
  | { readonly kind: 'declined'; readonly because: string }
  | { readonly kind: 'outage'; readonly message: string };
