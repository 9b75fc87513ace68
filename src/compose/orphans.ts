// Snapshots that nothing remembers → which of them nobody will come to remember, and an engine without those.
import type { RecordStore } from '../contract/record-store.ts';
import type { Engine, SnapshotInfo } from '../contract/sandbox.ts';

const dayMs = 24 * 3600_000;

/** Of one that is not remembered. `foreignMs`: how long a maker that cannot be looked at from here has for that. */
export const isAbandoned = ({ maker, created }: SnapshotInfo, foreignMs: number): boolean =>
  maker === 'dead' || (maker === 'foreign' && Date.now() - created > foreignMs);

/**
 * A process that was killed before it had searched its snapshot for secrets left it behind. The store is read after the
 * list: what a maker that was dead by then had remembered is in it. What the engine does not do is for the next run.
 */
export async function removeAbandoned({ snapshots }: Engine, store: RecordStore): Promise<void> {
  const all = await snapshots.list(store.id);
  if (!all.ok) return;
  const remembered = new Set((await store.snapshots()).map(({ id }) => id));
  for (const one of all.value) {
    if (!remembered.has(one.id) && isAbandoned(one, dayMs)) await snapshots.remove(one.id);
  }
}
