// The steps of a job → ids that are there twice, and services that are asked for too late.
import type { Diagnostic } from '../../model/diagnostic.ts';
import type { Job } from '../../model/pipeline.ts';
import { problem } from '../problem.ts';
import type { Path } from '../tree.ts';
import { spanAt, type View } from '../view.ts';

export function* checkSteps(view: View): Iterable<Diagnostic> {
  for (const [name, job] of Object.entries(view.pipeline.jobs)) {
    yield* checkIds(view, name, job);
    if (job.services) yield* checkServices(view, name, job);
  }
}

function* checkIds(view: View, name: string, job: Job): Iterable<Diagnostic> {
  const seen = new Map<string, Path>();
  for (const list of ['steps', 'finally'] as const) {
    for (const [index, { id }] of (job[list] ?? []).entries()) {
      if (id === undefined) continue;
      const path = ['jobs', name, list, index, 'id'];
      const first = seen.get(id.toLowerCase());
      seen.set(id.toLowerCase(), first ?? path);
      if (!first) continue;
      const location = { file: view.file, ...spanAt(view, first) };
      yield {
        ...problem(view, spanAt(view, path), 'duplicate-step-id', `the id '${id}' is here twice`),
        related: [{ message: 'the first one', location }],
      };
    }
  }
}

function* checkServices(view: View, name: string, job: Job): Iterable<Diagnostic> {
  const started = job.steps.findIndex((step) => step.services !== false);
  for (const list of ['steps', 'finally'] as const) {
    for (const [index, step] of (job[list] ?? []).entries()) {
      if (step.services !== false || (list === 'steps' && (started < 0 || index < started))) continue;
      const span = spanAt(view, ['jobs', name, list, index, 'services']);
      const message = 'the services run already: an earlier step wants them';
      yield problem(view, span, 'late-services', message, '`services: false` is for the first steps');
    }
  }
}
