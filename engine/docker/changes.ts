// The engine's list of what differs from a container's image → the fewest paths that hold all of it. Pure.

/** `Kind`: 0 is modified, 1 added, 2 deleted. */
export interface Change {
  readonly Path: string;
  readonly Kind: number;
}

/**
 * A folder that was added stands for all in it, one that was modified only where nothing below it was: its changes are
 * listed by themselves. A name that is not UTF-8 cannot be asked for, so that the folder it lies in stands for it.
 */
export function changedRoots(changes: readonly Change[]): readonly string[] {
  const kept = changes.filter(({ Kind }) => Kind !== 2);
  const parents = new Set(kept.map(({ Path }) => parentOf(Path)));
  const roots = new Set<string>();
  for (const { Path, Kind } of kept) {
    const named = nameable(Path);
    if (named !== Path || Kind === 1 || !parents.has(Path)) roots.add(named);
  }
  return [...roots].filter((path) => {
    for (let above = path; above !== '/';) if (roots.has((above = parentOf(above)))) return false;
    return true;
  });
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

const nameable = (path: string): string => {
  const at = path.indexOf('\u{fffd}');
  return at < 0 ? path : parentOf(path.slice(0, at));
};
