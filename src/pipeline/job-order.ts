// Jobs and their needs → the order to take them in, and the cycles that stand in the way.

export interface JobOrder {
  /** Each after its needs, else as given; jobs of a cycle have some place too. */
  readonly order: readonly string[];
  /** Each from a job to the one before it that needs it, e.g. `['a', 'b']` where a needs b and b needs a. */
  readonly cycles: readonly (readonly string[])[];
}

/** `needsOf` gives names out of `jobs`, none of them the job itself. Takes time in proportion to jobs and needs. */
export function orderJobs(jobs: Iterable<string>, needsOf: (job: string) => readonly string[]): JobOrder {
  const order: string[] = [];
  const cycles: string[][] = [];
  const state = new Map<string, 'open' | 'done'>();
  for (const first of jobs) {
    if (state.has(first)) continue;
    state.set(first, 'open');
    const trail = [{ job: first, needs: needsOf(first).values() }];
    for (let top = trail.at(-1); top; top = trail.at(-1)) {
      const next = top.needs.next();
      if (next.done) {
        state.set(top.job, 'done');
        order.push(top.job);
        trail.pop();
      } else if (!state.has(next.value)) {
        state.set(next.value, 'open');
        trail.push({ job: next.value, needs: needsOf(next.value).values() });
      } else if (state.get(next.value) === 'open') {
        const names = trail.map(({ job }) => job);
        cycles.push(names.slice(names.indexOf(next.value)));
      }
    }
  }
  return { order, cycles };
}
