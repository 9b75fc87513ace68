// `lockstep cache ls|stats|prune|clear`: what is kept for later runs on this machine, shown and removed.
import { createInterface } from 'node:readline';
import { type CacheOptions, readCache } from '../compose/cache.ts';
import { removeFromCache } from '../compose/cache-removal.ts';
import type { CacheContents, CacheEngine } from '../model/cache-contents.ts';
import { fail, type Outcome } from '../model/failure.ts';
import {
  contentsJson,
  removalJson,
  renderContents,
  renderRemoval,
  renderStats,
  statsJson,
} from '../report/cache.ts';
import { visible } from '../report/visible.ts';
import { showFailure } from './show.ts';

export interface CacheCommandOptions {
  readonly engine?: string;
  readonly json?: boolean;
}

export const cacheLsCommand = async (options: CacheCommandOptions & { blobs?: boolean }): Promise<number> =>
  show(await readCache(asked(options)), (contents) =>
    options.json
      ? contentsJson(contents)
      : renderContents(contents, { blobs: options.blobs ?? false, now: Date.now() }),
  );

export const cacheStatsCommand = async (options: CacheCommandOptions): Promise<number> =>
  show(await readCache(asked(options)), options.json ? statsJson : renderStats);

/** `unusedFor` in milliseconds. */
export const cachePruneCommand = (options: CacheCommandOptions & { unusedFor: number }): Promise<number> =>
  remove(options, options.unusedFor);

export async function cacheClearCommand(options: CacheCommandOptions & { yes?: boolean }): Promise<number> {
  if (!options.yes) {
    if (!process.stdin.isTTY || !process.stderr.isTTY) {
      const { failure } = fail(
        'usage',
        'not-confirmed',
        'there is no terminal to ask whether to clear the cache',
        {
          hint: 'lockstep cache clear --yes',
        },
      );
      return showFailure(failure);
    }
    if (!(await confirms('Remove all records, snapshots and cache directories of this machine? [y/N] '))) {
      process.stdout.write('nothing was removed\n');
      return 0;
    }
  }
  return remove(options, 'all');
}

const asked = ({ engine }: CacheCommandOptions): CacheOptions => ({
  ...(engine !== undefined && { engine }),
  environment: process.env,
  runId: `cache-${process.pid}`,
  calledFrom: process.cwd(),
});

function show(contents: Outcome<CacheContents>, render: (contents: CacheContents) => string): number {
  if (!contents.ok) return showFailure(contents.failure);
  process.stdout.write(render(contents.value));
  tellAway(contents.value.engine, 'could not be listed');
  return 0;
}

function tellAway(engine: CacheEngine, what: string): void {
  if (engine === null || !('away' in engine)) return;
  process.stderr.write(`snapshots and cache directories in the engine ${what}: ${visible(engine.away)}\n`);
}

/** 3 when nothing could be removed of what should have gone. */
async function remove(options: CacheCommandOptions, unusedForMs: number | 'all'): Promise<number> {
  const removal = await removeFromCache(asked(options), unusedForMs);
  if (!removal.ok) return showFailure(removal.failure);
  const { removed, unreached, faults, engine } = removal.value;
  process.stdout.write(options.json ? removalJson(removal.value) : renderRemoval(removal.value));
  tellAway(engine, 'could not be removed');
  for (const fault of faults) process.stderr.write(`${visible(fault)}\n`);
  const isNothing = Object.values(removed).every(({ count }) => count === 0);
  return isNothing && (unreached > 0 || faults.length > 0) ? 3 : 0;
}

async function confirms(question: string): Promise<boolean> {
  process.stderr.write(question);
  // Not a terminal to it: Ctrl-C stays what it is.
  for await (const line of createInterface({ input: process.stdin, terminal: false }))
    return /^y(es)?$/i.test(line.trim());
  return false;
}
