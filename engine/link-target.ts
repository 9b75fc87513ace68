// A symbolic link in a tree → whether following it could lead out of the tree.

/** Far more than any honest chain; a longer one is a loop and leads nowhere. */
const MAX_HOPS = 40;

/**
 * Follows the link at `path` step by step as a file system would, through the other links of the tree: a target that
 * looks harmless as text may climb out through one. `targetAt` tells the target of a link, undefined for all else.
 * The folders above `path` must be folders.
 */
export function leavesTree(path: string, targetAt: (path: string) => string | undefined): boolean {
  const at = path.split('/');
  const steps: string[] = [];
  /** Replaces the link that `at` ends with by its folder and what its target adds. */
  const follow = (target: string): void => {
    at.pop();
    steps.unshift(...target.split('/'));
  };
  let target = targetAt(path);
  for (let hops = 0; hops < MAX_HOPS;) {
    if (target !== undefined) {
      if (target.startsWith('/')) return true;
      follow(target);
      hops += 1;
    }
    const step = steps.shift();
    if (step === undefined) return false;
    target = undefined;
    if (step === '' || step === '.') continue;
    if (step === '..') {
      if (at.pop() === undefined) return true;
      continue;
    }
    at.push(step);
    target = targetAt(at.join('/'));
  }
  return false;
}
