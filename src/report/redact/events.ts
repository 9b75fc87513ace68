// Events → the same ones with no secret in what they say. Logs come masked already: only a step's own streams know what belongs together.
import type { Redactor } from '../../contract/redactor.ts';
import type { Emit, RunEvent } from '../../model/event.ts';
import type { Failure } from '../../model/failure.ts';
import type { JobResult } from '../../model/result.ts';
import type { TestReport } from '../../model/test-report.ts';

/** Names of jobs, artifacts and caches stay: they come from the pipeline file and are what an event is about. */
export const redactEvents =
  (redactor: Redactor, emit: Emit): Emit =>
  (event) =>
    emit(redactEvent(redactor, event));

function redactEvent({ text }: Redactor, event: RunEvent): RunEvent {
  switch (event.type) {
    case 'notice':
      return { ...event, message: text(event.message) };
    case 'job-started':
      return { ...event, steps: event.steps.map(text) };
    case 'job-finished':
      return { ...event, result: redactResult(text, event.result), ...failureOf(text, event) };
    case 'step-started':
      return { ...event, name: text(event.name) };
    case 'step-finished':
      return { ...event, name: text(event.name), ...failureOf(text, event) };
    case 'step-summary':
      return { ...event, markdown: text(event.markdown) };
    case 'report-stored':
      return { ...event, files: event.files.map(text), ...testsOf(text, event.tests) };
    case 'run-finished': {
      const jobs = Object.entries(event.result.jobs).map(
        ([id, job]) => [id, redactResult(text, job)] as const,
      );
      return { ...event, result: { ...event.result, jobs: Object.fromEntries(jobs) } };
    }
    case 'run-started':
    case 'job-retrying':
    case 'service-ready':
    case 'log':
    case 'artifact-stored':
    case 'artifact-published':
    case 'run-cancelling':
      return event;
  }
}

type Text = Redactor['text'];

const redactResult = (text: Text, result: JobResult): JobResult => ({
  ...result,
  outputs: Object.fromEntries(Object.entries(result.outputs).map(([name, value]) => [name, text(value)])),
  steps: result.steps.map((step) => ({ ...step, name: text(step.name) })),
});

const failureOf = (text: Text, { failure }: { readonly failure?: Failure }): { failure?: Failure } =>
  failure === undefined
    ? {}
    : {
        failure: {
          ...failure,
          message: text(failure.message),
          ...(failure.hint !== undefined && { hint: text(failure.hint) }),
          ...(failure.cause !== undefined && { cause: text(failure.cause) }),
        },
      };

const testsOf = (text: Text, tests: TestReport | undefined): { tests?: TestReport } =>
  tests === undefined
    ? {}
    : {
        tests: {
          ...tests,
          failures: tests.failures.map((failure) => ({
            ...failure,
            name: text(failure.name),
            message: text(failure.message),
            ...(failure.file !== undefined && { file: text(failure.file) }),
          })),
        },
      };
