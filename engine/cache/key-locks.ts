// A key → one holder at a time: first among the callers in this process, in their order, then among processes.
import { hash } from 'node:crypto';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { KeyLock, RecordStore } from '../../src/contract/record-store.ts';
import type { Key } from '../../src/model/record.ts';
import { claimLock, type LockFile, releaseLock, type Signs } from './lock-file.ts';
import { fileNames, removeFile, shelf, type StoreFolder } from './store-folder.ts';

const pollMs = { first: 10, longest: 100 };
const heartbeatMs = 5_000;

export interface KeyLocks extends Pick<RecordStore, 'lock' | 'tryLock'> {
  /** Of `locks/`: what dead holders left is gone after it. */
  removeDead(): Promise<void>;
}

export function keyLocks(store: StoreFolder): KeyLocks {
  const signs: Signs = new Map();
  const turns = keyTurns();
  const held = new Set<LockFile>();
  let heart: NodeJS.Timeout | undefined;

  const beat = (): void => {
    const now = store.now() / 1000;
    for (const path of [...held].flatMap(({ files }) => files.slice(-1))) {
      try {
        utimesSync(path, now, now);
      } catch {
        // Taken from us after a long silence, or no longer writable: nothing we could do.
      }
    }
  };
  const hold = (key: Key, file: LockFile | 'unwritable', waited: boolean): KeyLock => {
    if (file !== 'unwritable') held.add(file);
    heart ??= setInterval(beat, heartbeatMs).unref();
    let released = false;
    return {
      key,
      waited,
      release() {
        if (released) return Promise.resolve();
        released = true;
        if (file !== 'unwritable') {
          held.delete(file);
          releaseLock(store, file);
        }
        if (held.size === 0) {
          clearInterval(heart);
          heart = undefined;
        }
        turns.leave(key);
        return Promise.resolve();
      },
    };
  };

  return {
    async lock(key, signal) {
      const turn = await turns.enter(key, signal);
      if (turn === 'aborted') return null;
      let waited = turn === 'waited';
      const stopped = (): boolean => signal.aborted;
      for (let pause = pollMs.first; !stopped(); pause = Math.min(2 * pause, pollMs.longest)) {
        const claim = await claimLock(store, hash('sha256', key), signs);
        if (claim !== 'busy') return hold(key, claim, waited);
        waited = true;
        await delay(pause, undefined, { signal }).catch(() => undefined);
      }
      turns.leave(key);
      return null;
    },

    async tryLock(key) {
      if (!turns.tryEnter(key)) return null;
      const claim = await claimLock(store, hash('sha256', key), signs);
      if (claim !== 'busy') return hold(key, claim, false);
      turns.leave(key);
      return null;
    },

    async removeDead() {
      const files = fileNames(store, 'locks');
      for (const name of new Set(files.map((file) => file.split('.')[0] ?? ''))) {
        const claim = await claimLock(store, name, signs);
        if (typeof claim === 'string') continue;
        // Whoever holds a name has all of its files: what is not ours was left by one who died while taking over.
        const all = fileNames(store, 'locks').filter((file) => file.startsWith(`${name}.`));
        for (const file of all.map((one) => join(shelf(store, 'locks'), one))) {
          if (!claim.files.includes(file)) removeFile(store, file);
        }
        releaseLock(store, claim);
      }
    },
  };
}

interface KeyTurns {
  enter(key: Key, signal: AbortSignal): Promise<'first' | 'waited' | 'aborted'>;
  tryEnter(key: Key): boolean;
  /** Called once by each who is in. */
  leave(key: Key): void;
}

/** Within this process, in the order of the calls. */
function keyTurns(): KeyTurns {
  const waiting = new Map<Key, (() => void)[]>();
  const tryEnter = (key: Key): boolean => {
    if (waiting.has(key)) return false;
    waiting.set(key, []);
    return true;
  };
  return {
    tryEnter,
    leave(key) {
      const next = waiting.get(key)?.shift();
      if (next === undefined) waiting.delete(key);
      else next();
    },
    enter(key, signal) {
      if (signal.aborted) return Promise.resolve('aborted');
      if (tryEnter(key)) return Promise.resolve('first');
      return new Promise((resolve) => {
        const queue = waiting.get(key) ?? [];
        const next = (): void => {
          signal.removeEventListener('abort', giveUp);
          resolve('waited');
        };
        const giveUp = (): void => {
          queue.splice(queue.indexOf(next), 1);
          resolve('aborted');
        };
        queue.push(next);
        signal.addEventListener('abort', giveUp, { once: true });
      });
    },
  };
}
