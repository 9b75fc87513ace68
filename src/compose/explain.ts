// A plan and the words of `lockstep explain` → what a run would do now, job by job, and why.
import type { RecordStore } from '../contract/record-store.ts';
import { fail, ok, type Outcome } from '../model/failure.ts';
import type { ExplainedJob, JobForesight } from '../model/foresight.ts';
import { instanceJob } from '../model/instance-name.ts';
import type { Plan } from '../model/plan.ts';
import { suggestion } from '../pipeline/nearest-name.ts';
import { openEngines, type EngineOptions } from './engines.ts';
import type { PipelineFile } from './pipeline-file.ts';
import type { Planned } from './plan.ts';
import { openStore, sourceIndex } from './reuse.ts';
import { foundIn, type LocatedSecrets } from './secrets.ts';

export interface ForeseeOptions extends EngineOptions {
  readonly secrets: LocatedSecrets;
}

/**
 * Starts nothing, pulls nothing, records nothing. The engine is asked only for images that nothing pins, and need not be
 * there. Failures: those of the source tree, `cache-size`, `ca-file`.
 */
export async function foresee(
  file: PipelineFile,
  planned: Planned & { readonly plan: Plan },
  options: ForeseeOptions,
): Promise<Outcome<readonly JobForesight[]>> {
  const store = openStore(file.root, options.environment, () => undefined, planned.offers?.trust);
  if (!store.ok) return store;
  const engines = await openEngines({ ...options, onlyLooks: true });
  if (!engines.ok) return engines;
  try {
    return await foreseeWith(store.value, engines.value.current, file, planned, options);
  } finally {
    await engines.value.close();
  }
}

async function foreseeWith(
  store: RecordStore,
  connect: Extract<Awaited<ReturnType<typeof openEngines>>, { ok: true }>['value']['current'],
  file: PipelineFile,
  { plan, evaluator, lock, provider }: Planned & { readonly plan: Plan },
  { environment, secrets }: ForeseeOptions,
): Promise<Outcome<readonly JobForesight[]>> {
  const [{ foreseePlan }, { pinImages }, { readSourceTree }] = await Promise.all([
    import('../../engine/foresee.ts'),
    import('../../engine/pinned-images.ts'),
    import('../../engine/source-tree.ts'),
  ]);
  const source = await readSourceTree({
    ...{ root: file.root, pipelineFile: file.name, environment },
    ...sourceIndex(file.root, environment),
  });
  if (!source.ok) return source;
  // One that does not answer is not asked again for the next image.
  let asked: ReturnType<typeof connect> | null = null;
  const images = pinImages({
    ...{ pins: lock.pins, platform: plan.platform, pull: 'never', onCi: provider !== 'local' },
    ...{ engine: () => (asked ??= connect()), notice: () => undefined },
  });
  const { signal } = new AbortController();
  return ok(
    await foreseePlan({
      ...{ plan, source: source.value, evaluator, images, store, signal },
      ...{ secrets: foundIn(secrets), withheld: secrets.withheldFrom },
    }),
  );
}

/** `test` of `test[node=22].3`: names of jobs have neither dots nor brackets. */
export const jobOf = (word: string): string => instanceJob(word).replace(/\.[^]*$/, '');

/**
 * The instances that `words` (`JOB`, `JOB.STEP`; a job or an instance, a step's number from 1, id or name) mean, one after
 * the other. Failures (`usage`): `unknown-instance`, `unknown-step`.
 */
export function chooseExplained(
  jobs: readonly JobForesight[],
  words: readonly string[],
): Outcome<readonly ExplainedJob[]> {
  const chosen: ExplainedJob[] = [];
  for (const word of words) {
    const meant = meantBy(jobs, word);
    if (meant === null) {
      const known = jobs.map(({ job }) => job).filter((job) => instanceJob(job) === jobOf(word));
      const hint = suggestion(word.replace(/\][^\]]*$/, ']'), known);
      return fail(
        'usage',
        'unknown-instance',
        `there is no job instance '${word}'`,
        hint === undefined ? {} : { hint },
      );
    }
    const { instances, step } = meant;
    const places = instances.map(({ steps }) => (step === null ? null : placeOf(steps, step)));
    const [first] = instances;
    // Of a job that never starts, or whose steps differ in nothing but the matrix, all instances agree.
    if (step !== null && places.every((place) => place === -1) && first && first.steps.length > 0) {
      const { job, steps } = first;
      const hint = suggestion(step, [...new Set(steps.flatMap(({ id, name }) => id ?? name))]);
      return fail('usage', 'unknown-step', `${job} has no step '${step}'`, {
        hint: hint ?? `it has ${steps.length}; name one by its number, id or name`,
      });
    }
    chosen.push(
      ...instances.map((job, index) => ({
        ...job,
        asked: places[index] === -1 ? null : (places[index] ?? null),
      })),
    );
  }
  return ok(chosen);
}

interface Meant {
  readonly instances: readonly JobForesight[];
  readonly step: string | null;
}

/** A matrix value may hold dots and brackets, so the names that there are decide where a word's job ends. */
function meantBy(jobs: readonly JobForesight[], word: string): Meant | null {
  const names = [...new Set(jobs.flatMap(({ job }) => [job, instanceJob(job)]))];
  const name = names
    .filter((one) => word === one || word.startsWith(`${one}.`))
    .reduce((longest, one) => (one.length > longest.length ? one : longest), '');
  if (name === '') return null;
  const instances = jobs.filter(({ job }) => job === name || instanceJob(job) === name);
  return { instances, step: word === name ? null : word.slice(name.length + 1) };
}

/** Its number counts first, then the id, then the name. -1: none. */
function placeOf(steps: JobForesight['steps'], word: string): number {
  if (/^[1-9]\d*$/.test(word) && Number(word) <= steps.length) return Number(word) - 1;
  const byId = steps.findIndex(({ id }) => id === word);
  return byId === -1 ? steps.findIndex(({ name }) => name === word) : byId;
}
