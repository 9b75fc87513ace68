// Any pipeline of deterministic steps, any edits between its runs: with reuse comes out what comes out without.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { memoryStore } from '../../fakes/memory-store.ts';
import { scriptedEngine, type EngineScript } from '../../fakes/scripted-engine.ts';
import { executeText, type Executed, type InProcess } from '../../rig/in-process.ts';

/** Steps take their time on this clock, so that snapshots are made. */
beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

const sources = ['f', 'g', 'd/h'] as const;

const stepModel = fc.record({
  script: fc.constantFrom('one', 'two', 'three', 'slow'),
  inputs: fc.constantFrom(null, null, [], ['f'], ['d/**', 'g'], ['made-*']),
  /** `before`: what the step before gave out. */
  env: fc.constantFrom('none', 'a', 'b', 'before'),
  conditional: fc.boolean(),
  allowed: fc.boolean(),
  reuse: fc.constantFrom(true, true, true, false),
});
const jobModel = fc.record({
  steps: fc.array(stepModel, { minLength: 1, maxLength: 4 }),
  last: fc.constantFrom(null, 'bye', 'farewell'),
  artifact: fc.constantFrom('made-*', 'made-one', '**'),
  takes: fc.constantFrom('nothing', 'output', 'artifact'),
  cacheInWork: fc.constantFrom(false, false, false, true),
});
const versionModel = fc.record({
  jobs: fc.array(jobModel, { minLength: 1, maxLength: 3 }),
  files: fc.record({
    f: fc.constantFrom('1', '2', null),
    g: fc.constantFrom('1', '2', null),
    'd/h': fc.constantFrom('1', '2'),
  }),
});
type Version = typeof versionModel extends fc.Arbitrary<infer T> ? T : never;
type StepModel = Version['jobs'][number]['steps'][number];

/** An edit takes one thing from another version, or goes back to how it was. */
const editModel = fc.record({
  from: versionModel,
  what: fc.constantFrom('files', 'files', 'step', 'env', 'env', 'job', 'jobs', 'back'),
  at: fc.nat(3),
});
type Edit = typeof editModel extends fc.Arbitrary<infer T> ? T : never;

function edited(versions: readonly Version[], now: Version, { from, what, at }: Edit): Version {
  const { jobs, files } = now;
  const put = <T>(list: readonly T[], item: T | undefined): T[] =>
    list.map((old, index) => (index === at % list.length ? (item ?? old) : old));
  switch (what) {
    case 'files': {
      const name = sources[at % sources.length] ?? 'f';
      return { jobs, files: { ...files, [name]: from.files[name] } };
    }
    case 'step': {
      const job = jobs[at % jobs.length];
      const step = from.jobs[0]?.steps[0];
      return { files, jobs: put(jobs, job && { ...job, steps: put(job.steps, step) }) };
    }
    case 'env': {
      const job = jobs[at % jobs.length];
      const env = from.jobs[0]?.steps[0]?.env ?? 'none';
      return {
        files,
        jobs: put(jobs, job && { ...job, steps: job.steps.map((step) => ({ ...step, env })) }),
      };
    }
    case 'job':
      return { files, jobs: put(jobs, from.jobs[0]) };
    case 'jobs':
      return { files, jobs: from.jobs };
    case 'back':
      return versions[at % versions.length] ?? now;
  }
}

const envOf = ({ env }: StepModel, index: number): Record<string, string> => {
  if (env === 'none') return {};
  return { E: env === 'before' ? (index === 0 ? '' : `\${{ steps.s${index - 1}.outputs.o }}`) : env };
};

/** JSON is YAML. */
const pipelineOf = ({ jobs }: Version): string =>
  JSON.stringify({
    version: 1,
    caches: { c: { path: 'cached' } },
    jobs: Object.fromEntries(
      jobs.map(({ steps, last, artifact, takes, cacheInWork }, number) => [
        `j${number}`,
        {
          image: 'busybox',
          ...(number > 0 && {
            needs: [{ job: `j${number - 1}`, artifacts: takes === 'artifact' }],
            if: 'always()',
            env: takes === 'output' ? { N: `\${{ needs.j${number - 1}.outputs.o }}` } : {},
          }),
          ...(cacheInWork && { caches: ['c'] }),
          steps: steps.map((step, index) => ({
            id: `s${index}`,
            run: step.script,
            ...(step.inputs && { inputs: step.inputs }),
            env: envOf(step, index),
            ...(step.conditional && index > 0 && { if: `steps.s${index - 1}.outputs.o == '1'` }),
            'allow-failure': step.allowed,
            reuse: step.reuse,
          })),
          ...(last !== null && { finally: [{ run: last }] }),
          outputs: { o: '${{ steps.s0.outputs.o }}' },
          artifacts: { made: { paths: artifact, empty: 'ok' } },
        },
      ]),
    ),
  });

/** What a step does follows from all that it can see, and from nothing else. */
const script: EngineScript = {
  async step({ script, env }, io) {
    vi.setSystemTime(Date.now() + (script === 'slow' ? 1500 : 400));
    const files = [...io.files].filter(([path]) => path.startsWith('/work/')).sort();
    const digest = createHash('sha256')
      .update(JSON.stringify([script, Object.entries(env).sort(), files]))
      .digest('hex');
    const number = parseInt(digest.slice(0, 8), 16);
    io.files.set(`/work/made-${script}`, `${number % 3}`);
    if (number % 3 === 0) io.files.delete('/work/f');
    await io.write(number % 2 === 0 ? 'stdout' : 'stderr', `${digest}\n`);
    return { exitCode: number % 9 === 0 ? 1 : 0, outputs: `o=${number % 2}\n`, summary: digest.slice(0, 3) };
  },
};

/** All that may not depend on reuse. */
const told = ({ result, events }: Executed) => ({
  result,
  logs: Object.fromEntries(
    Object.keys(result.jobs).map((job) => [
      job,
      events.flatMap((event) => {
        if (event.type === 'log' && event.job === job)
          return [`${event.step} ${event.stream} ${Buffer.from(event.chunk).toString()}`];
        return event.type === 'step-summary' && event.job === job ? [`${event.step} ${event.markdown}`] : [];
      }),
    ]),
  ),
});

test('with reuse comes out what comes out without, whatever was edited in between', async () => {
  let all = 0;
  let prefix = 0;
  await fc.assert(
    fc.asyncProperty(
      versionModel,
      fc.array(editModel, { minLength: 1, maxLength: 6 }),
      async (first, edits) => {
        const versions = [first];
        for (const edit of edits) versions.push(edited(versions, versions.at(-1) ?? first, edit));
        const store = memoryStore();
        const engine = scriptedEngine(script);
        for (const version of versions) {
          const present = Object.entries(version.files).flatMap(([path, text]): [string, string][] =>
            text === null ? [] : [[path, text]],
          );
          const options: InProcess = { engine, files: Object.fromEntries(present) };
          const reused = await executeText(pipelineOf(version), { ...options, store });
          for (const { reused: how } of Object.values(reused.times)) {
            if (how === 'all') all += 1;
            if (how === 'prefix') prefix += 1;
          }
          const fresh = await executeText(pipelineOf(version), {
            ...options,
            engine: scriptedEngine(script),
          });
          expect(told(reused)).toEqual(told(fresh));
        }
        expect([engine.sandboxes, store.locked.size]).toEqual([0, 0]);
      },
    ),
    { numRuns: 30 },
  );
  // It was about something.
  expect(all).toBeGreaterThan(3);
  expect(prefix).toBeGreaterThan(0);
}, 60_000);
