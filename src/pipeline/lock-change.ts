// What the lock file pins and what is used → what a registry must be asked for, and what the lock file then says.
import type { Pins } from './lock-file.ts';
import { suggestion } from './nearest-name.ts';

export interface LockRequest {
  /** Null without a lock file. */
  readonly pins: Pins | null;
  /** What the pipeline files use. */
  readonly used: Iterable<string>;
  /** There may be more that only a run or another checkout knows: then what is pinned is never called unused. */
  readonly open: boolean;
  /** References of the command line. */
  readonly named: readonly string[];
  readonly update: boolean;
}

export interface LockChange {
  /** References to ask registries for. */
  readonly ask: readonly string[];
  /** Used, and not pinned. */
  readonly missing: readonly string[];
  /** Pinned, and not used. */
  readonly unused: readonly string[];
}

export type Named = LockChange | { readonly unknown: string; readonly hint: string | undefined };

/** All lists are sorted. `unknown`: nothing uses what the command line names. */
export function planLock({ pins, used, open, named, update }: LockRequest): Named {
  const pinned = [...(pins?.keys() ?? [])];
  const wanted = new Set([...used, ...(open ? [...pinned, ...named] : [])]);
  const unknown = named.find((reference) => !wanted.has(reference));
  if (unknown !== undefined) return { unknown, hint: suggestion(unknown, wanted) };
  const missing = [...wanted].filter((reference) => !pins?.has(reference)).sort();
  const renewed = update ? (named.length > 0 ? named : wanted) : [];
  return {
    ask: [...new Set([...missing, ...renewed])].sort(),
    missing,
    unused: pinned.filter((reference) => !wanted.has(reference)).sort(),
  };
}

export interface Relocked {
  readonly pins: Pins;
  readonly pinned: readonly string[];
  readonly updated: readonly string[];
  readonly dropped: readonly string[];
  readonly unchanged: readonly string[];
}

/** `digests`: what registries answered; an image that none serves any more is dropped. */
export function relock(before: Pins | null, change: LockChange, digests: Pins): Relocked {
  const gone = new Set([...change.unused, ...change.ask.filter((reference) => !digests.has(reference))]);
  const kept = [...(before ?? [])].filter(([reference]) => !gone.has(reference));
  const pins = new Map([...kept, ...digests]);
  const all = [...pins.keys()].sort();
  const same = (reference: string): boolean => before?.get(reference) === pins.get(reference);
  return {
    pins,
    pinned: all.filter((reference) => !before?.has(reference)),
    updated: all.filter((reference) => before?.has(reference) && !same(reference)),
    dropped: [...(before?.keys() ?? [])].filter((reference) => !pins.has(reference)).sort(),
    unchanged: all.filter(same),
  };
}
