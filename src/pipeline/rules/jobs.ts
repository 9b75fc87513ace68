// Jobs and how they hang together → needs that lead nowhere, cycles, artifacts in each other's way, jobs without an image.
import type { Diagnostic } from '../../model/diagnostic.ts';
import { orderJobs } from '../job-order.ts';
import { suggestion } from '../nearest-name.ts';
import { problem } from '../problem.ts';
import { keySpan, namesAt, nodeAt } from '../tree.ts';
import { jobNames, needsOf, runsEveryTime, spanAt, type View } from '../view.ts';

export function* checkNeeds(view: View): Iterable<Diagnostic> {
  const names = jobNames(view.root);
  const known = new Set(names);
  if (names.length === 0 && nodeAt(view.root, ['jobs']) !== null) {
    yield problem(view, keySpan(view.root, ['jobs']), 'missing-key', 'there is no job');
  }
  for (const job of names) {
    const seen = new Set<string>();
    for (const need of needsOf(view.root, job)) {
      const span = spanAt(view, need.path);
      if (need.job === job) {
        yield problem(view, span, 'self-dependency', `'${job}' needs itself`);
      } else if (!known.has(need.job)) {
        const others = names.filter((name) => name !== job);
        const hint = suggestion(need.job, others);
        yield problem(view, span, 'unknown-job', `there is no job '${need.job}'`, hint);
      } else if (seen.has(need.job)) {
        yield problem(view, span, 'duplicate-key', `'${need.job}' is needed twice`);
      }
      seen.add(need.job);
    }
  }
}

export function* checkCycles(view: View): Iterable<Diagnostic> {
  const names = jobNames(view.root);
  const known = new Set(names);
  const needed = (job: string): readonly string[] =>
    needsOf(view.root, job).flatMap((need) => (known.has(need.job) && need.job !== job ? [need.job] : []));
  for (const cycle of orderJobs(names, needed).cycles) {
    const [first = '', next = first] = cycle;
    const path = needsOf(view.root, first).find((need) => need.job === next)?.path ?? ['jobs', first];
    const message = `jobs need each other in a circle: ${[...cycle, first].join(' → ')}`;
    yield problem(view, spanAt(view, path), 'dependency-cycle', message, 'take one of these needs away');
  }
}

export function* checkTakenArtifacts(view: View): Iterable<Diagnostic> {
  for (const [name, job] of Object.entries(view.pipeline.jobs)) {
    const takers = new Map<string, string>();
    for (const [index, need] of (job.needs ?? []).entries()) {
      const declared = namesAt(view.root, ['jobs', need.job, 'artifacts']);
      const path = ['jobs', name, 'needs', index];
      const named = Array.isArray(need.artifacts) ? need.artifacts : need.artifacts === false ? [] : declared;
      for (const [place, artifact] of named.entries()) {
        if (!declared.includes(artifact) && nodeAt(view.root, ['jobs', need.job]) !== null) {
          const span = spanAt(view, [...path, 'artifacts', place]);
          const message = `'${need.job}' has no artifact '${artifact}'`;
          yield problem(view, span, 'unknown-artifact', message, suggestion(artifact, declared));
        }
      }
      for (const exact of exactPaths(view, need.job, named)) {
        const other = takers.get(exact);
        takers.set(exact, need.job);
        if (other === undefined || other === need.job) continue;
        const message = `'${other}' and '${need.job}' both bring '${exact}'`;
        const hint = 'take one of them with {job, artifacts: […]}, or rename';
        yield problem(view, spanAt(view, path), 'artifact-conflict', message, hint);
      }
    }
  }
}

/** Paths without a wildcard: two jobs that bring the same one are in each other's way whatever they hold. */
function exactPaths(view: View, job: string, artifacts: readonly string[]): readonly string[] {
  const declared = Object.hasOwn(view.pipeline.jobs, job) ? view.pipeline.jobs[job]?.artifacts : undefined;
  return Object.entries(declared ?? {})
    .filter(([name]) => artifacts.includes(name))
    .flatMap(([, { paths }]) => paths)
    .filter((path) => !/[*?[\]{}!\\]/.test(path))
    .map((path) => path.replace(/^(?:\.\/)+/, '').replace(/\/+$/, ''));
}

export function* checkImages(view: View): Iterable<Diagnostic> {
  if (nodeAt(view.root, ['defaults', 'image']) !== null) return;
  for (const job of jobNames(view.root)) {
    if (
      nodeAt(view.root, ['jobs', job])?.kind !== 'map' ||
      nodeAt(view.root, ['jobs', job, 'image']) !== null
    )
      continue;
    const message = `'${job}' has no image, and there is none in defaults`;
    yield problem(
      view,
      keySpan(view.root, ['jobs', job]),
      'missing-image',
      message,
      'add `image:` to the job or to defaults',
    );
  }
}

export function* checkGit(view: View): Iterable<Diagnostic> {
  for (const [name, job] of Object.entries(view.pipeline.jobs)) {
    if (job.git !== true || runsEveryTime(view.root, ['jobs', name])) continue;
    const span = keySpan(view.root, ['jobs', name, 'git']);
    const message =
      '`.git` differs from clone to clone, so a job that sees it cannot be answered from a record';
    yield problem(view, span, 'git-in-reusable-job', message, 'add `reuse: false` to the job');
  }
}
