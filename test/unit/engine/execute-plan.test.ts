import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fail } from '../../../src/model/failure.ts';
import { gate, scriptedEngine, type ScriptedEnd } from '../../fakes/scripted-engine.ts';
import { executeText } from '../../rig/in-process.ts';

const head = 'version: 1\ndefaults: { image: "x:1" }\njobs:\n';

/** Steps whose script is `exit N` end with N; all others with 0. */
const byExitCode = scriptedEngine({
  step: ({ script }) => ({ exitCode: Number(/^exit (\d+)$/.exec(script)?.[1] ?? 0) }),
});

const statuses = async (jobs: string) => (await executeText(head + jobs, { engine: byExitCode })).statuses;

describe('order', () => {
  test('any graph: every job once, only after its needs; none starts after a cancel; nothing stays open', async () => {
    const needs = fc.array(fc.array(fc.nat(20), { maxLength: 3 }), { minLength: 1, maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(
        needs,
        fc.option(fc.nat(12)),
        fc.integer({ min: 1, max: 4 }),
        async (list, cancelAt, parallel) => {
          const needsOf = list.map((all, index) => [...new Set(all)].filter((need) => need < index));
          const yaml = needsOf.map(
            (all, index) => `  j${index}: { needs: [${all.map((n) => `j${n}`).join()}], steps: [x] }\n`,
          );
          const cancel = new AbortController();
          const done = new Set<string>();
          const ran: string[] = [];
          let early = '';
          const engine = scriptedEngine({
            step: (_step, { job }) => {
              ran.push(job);
              if (needsOf[Number(job.slice(1))]?.some((need) => !done.has(`j${need}`))) early = job;
              if (cancel.signal.aborted) early = `${job} after the cancel`;
              if (ran.length === cancelAt) cancel.abort();
              return undefined;
            },
          });
          const { result } = await executeText(head + yaml.join(''), {
            engine,
            parallel,
            cancel: cancel.signal,
            hear: (event) => event.type === 'job-finished' && done.add(event.job),
          });
          expect(early).toBe('');
          expect(new Set(ran).size).toBe(ran.length);
          expect(Object.keys(result.jobs)).toHaveLength(list.length);
          expect(engine.sandboxes).toBe(0);
          if (cancelAt === null || cancelAt === 0) expect(ran).toHaveLength(list.length);
          else if (ran.length < list.length) expect(result.status).toBe('cancelled');
        },
      ),
      { numRuns: 40 },
    );
  });

  test('at most --parallel jobs at once, and max-parallel within a matrix', async () => {
    let open = 0;
    let most = 0;
    const engine = scriptedEngine({
      step: async () => {
        most = Math.max(most, (open += 1));
        await new Promise(setImmediate);
        open -= 1;
        return undefined;
      },
    });
    const matrix = '  a: { matrix: { n: ["1", "2", "3", "4"] }, max-parallel: 2, steps: [x] }\n';
    await executeText(head + matrix, { engine, parallel: 4 });
    expect(most).toBe(2);
    await executeText(head + matrix.replace('max-parallel: 2, ', ''), { engine, parallel: 3 });
    expect(most).toBe(3);
  });
});

describe('who runs', () => {
  test.each([
    [
      'a failure skips what needs it, near and far',
      '  a: { steps: [exit 1] }\n  b: { needs: [a], steps: [x] }\n  c: { needs: [b], steps: [x] }\n',
      { a: 'failure (step-failed)', b: 'skipped (needs)', c: 'skipped (needs)' },
    ],
    [
      'an allowed failure does not',
      '  a: { allow-failure: true, steps: [exit 1] }\n  b: { needs: [a], steps: [x] }\n',
      { a: 'failure (step-failed)', b: 'success' },
    ],
    [
      'an allowed exit code does not, another does',
      '  a: { allow-failure: { exit-codes: [2] }, steps: [exit 2] }\n  b: { needs: [a], steps: [x] }\n  c: { allow-failure: { exit-codes: [2] }, steps: [exit 3] }\n  d: { needs: [c], steps: [x] }\n',
      { a: 'failure (step-failed)', b: 'success', c: 'failure (step-failed)', d: 'skipped (needs)' },
    ],
    [
      'skipped by its own if is no obstacle',
      '  a: { if: "git.tag != \'\'", steps: [x] }\n  b: { needs: [a], steps: [x] }\n',
      { a: 'skipped (condition)', b: 'success' },
    ],
    [
      'a job that takes from a skipped one is skipped',
      '  a: { if: "false", outputs: { o: "1" }, steps: [x] }\n  b: { needs: [a], env: { O: "${{ needs.a.outputs.o }}" }, steps: [x] }\n',
      { a: 'skipped (condition)', b: 'skipped (needs)' },
    ],
    [
      'unless its if calls a status function',
      '  a: { if: "false", outputs: { o: "1" }, steps: [x] }\n  b: { needs: [a], if: always(), env: { O: "${{ needs.a.outputs.o }}" }, steps: [x] }\n',
      { a: 'skipped (condition)', b: 'success' },
    ],
    [
      'failure() far after',
      '  a: { steps: [exit 1] }\n  b: { needs: [a], steps: [x] }\n  c: { needs: [b], if: failure(), steps: [x] }\n  d: { needs: [b], if: success(), steps: [x] }\n',
      { a: 'failure (step-failed)', b: 'skipped (needs)', c: 'success', d: 'skipped (condition)' },
    ],
    [
      'a dynamic matrix that is no mapping',
      '  a: { outputs: { m: "[]" }, steps: [x] }\n  b: { needs: [a], matrix: "${{ fromJSON(needs.a.outputs.m) }}", steps: [x] }\n  c: { needs: [b], steps: [x] }\n',
      { a: 'success', b: 'failure (configuration)', c: 'skipped (needs)' },
    ],
    [
      'a dynamic matrix',
      '  a: { outputs: { m: \'{"n": ["1", "2"]}\' }, steps: [x] }\n  b: { needs: [a], matrix: "${{ fromJSON(needs.a.outputs.m) }}", steps: [x] }\n',
      { a: 'success', 'b[n=1]': 'success', 'b[n=2]': 'success' },
    ],
    [
      'a dynamic matrix with nothing in it',
      '  a: { outputs: { m: \'{"n": []}\' }, steps: [x] }\n  b: { needs: [a], matrix: "${{ fromJSON(needs.a.outputs.m) }}", steps: [x] }\n  c: { needs: [b], steps: [x] }\n',
      { a: 'success', b: 'skipped (condition)', c: 'success' },
    ],
  ])('%s', async (_name, jobs, expected) => {
    expect(await statuses(jobs)).toEqual(expected);
  });

  test('the outputs of a matrix job are the list of its instances, in their order', async () => {
    const engine = scriptedEngine({
      step: ({ script, env }): ScriptedEnd => (script === 'put' ? { outputs: `v=${env.N ?? ''}\n` } : {}),
    });
    const { result } = await executeText(
      `${head}  a: { matrix: { n: ["2", "1"] }, env: { N: "\${{ matrix.n }}" }, outputs: { v: "\${{ steps.s.outputs.v }}" }, steps: [{ id: s, run: put }] }
  b: { needs: [a], outputs: { all: "\${{ join(needs.a.outputs.v, '+') }}", status: "\${{ needs.a.status }}" }, steps: [x] }
`,
      { engine },
    );
    expect(result.jobs.b?.outputs).toEqual({ all: '2+1', status: 'success' });
  });
});

describe('steps', () => {
  const steps = async (job: string) => {
    const { result } = await executeText(`${head}  a:\n${job}`, { engine: byExitCode });
    return result.jobs.a?.steps.map((step) => [step.status, step['exit-code']]);
  };
  test('after a failure the rest is skipped, but for always() and failure(); finally runs whatever happens', async () => {
    expect(
      await steps(`    steps: [exit 0, exit 7, x, { run: x, if: always() }, { run: x, if: failure() }, { run: x, if: success() }]
    finally: [exit 3, x, { run: x, if: success() }, { run: x, if: failure() }]\n`),
    ).toEqual([
      ['success', 0],
      ['failure', 7],
      ['skipped', undefined],
      ['success', 0],
      ['success', 0],
      ['skipped', undefined],
      ['failure', 3],
      ['success', 0],
      ['skipped', undefined],
      ['success', 0],
    ]);
  });

  test('a failing finally step fails the job; finally does not run when no step did', async () => {
    expect(await statuses('  a: { steps: [x], finally: [exit 1] }\n')).toEqual({
      a: 'failure (step-failed)',
    });
    expect(await steps('    steps: [{ run: x, if: "false" }]\n    finally: [x]\n')).toEqual([
      ['skipped', undefined],
      ['skipped', undefined],
    ]);
  });

  test('an allowed failure of a step leaves the job a success', async () => {
    const jobs = '  a: { steps: [{ run: exit 4, allow-failure: { exit-codes: [4] } }, x] }\n';
    expect(await statuses(jobs)).toEqual({ a: 'success' });
  });

  test('retry of a step in the same sandbox, up to its number', async () => {
    let runs = 0;
    const engine = scriptedEngine({ step: () => ({ exitCode: (runs += 1) < 3 ? 1 : 0 }) });
    const job = '  a: { steps: [{ run: x, retry: { max: 2, delay: 0s } }] }\n';
    const { statuses: ended, times } = await executeText(head + job, { engine });
    expect([ended, runs, times.a?.attempts]).toEqual([{ a: 'success' }, 3, 1]);
    expect(engine.calls.filter((call) => call === 'open a')).toHaveLength(1);
  });

  test('a hanging step ends at its timeout, a hanging job at its own; then finally', async () => {
    const engine = scriptedEngine({
      step: ({ script }) => (script === 'hang' ? new Promise(() => undefined) : undefined),
    });
    const { result } = await executeText(
      `${head}  a: { steps: [{ run: hang, timeout: 5ms }, x], finally: [x] }\n  b: { timeout: 5ms, steps: [hang, x], finally: [x] }\n`,
      { engine },
    );
    for (const job of ['a', 'b']) {
      expect(result.jobs[job]).toMatchObject({ status: 'failure', reason: 'timeout' });
      expect(result.jobs[job]?.steps.map((step) => step.status)).toEqual(['timeout', 'skipped', 'success']);
    }
  });

  test('processes that a step left are told of it, but not of one that was stopped', async () => {
    const engine = scriptedEngine({
      step: async ({ script }, io) => {
        if (script === 'hang') await io.trapTerm();
        return { leftOvers: 2 };
      },
    });
    const { events, result } = await executeText(
      `${head}  a: { steps: [x, { run: hang, timeout: 5ms }] }\n`,
      { engine },
    );
    expect(result.jobs.a?.steps.map(({ status }) => status)).toEqual(['success', 'timeout']);
    const told = events.filter((event) => event.type === 'notice' && event.code === 'left-over-process');
    expect(told).toMatchObject([
      { job: 'a', message: expect.stringMatching(/^step 'x' left 2 processes/) as string },
    ]);
  });
});

describe('retry of a job', () => {
  test('a fresh sandbox for each attempt, the last one counts', async () => {
    let runs = 0;
    const engine = scriptedEngine({ step: () => ({ exitCode: (runs += 1) < 3 ? 1 : 0 }) });
    const job = '  a: { retry: { max: 5, delay: 0s }, steps: [x] }\n';
    const { statuses: ended, times, events } = await executeText(head + job, { engine });
    expect([ended, times.a?.attempts]).toEqual([{ a: 'success' }, 3]);
    expect(engine.calls.filter((call) => call === 'open a')).toHaveLength(3);
    expect(events.filter((event) => event.type === 'job-retrying')).toHaveLength(2);
  });

  test('only for the reasons it names', async () => {
    const engine = scriptedEngine({ open: () => fail('environment', 'no', 'no').failure });
    const job = (on: string) => `${head}  a: { retry: { max: 1, delay: 0s, on: [${on}] }, steps: [x] }\n`;
    expect((await executeText(job('failure, timeout'), { engine })).times.a?.attempts).toBe(1);
    expect((await executeText(job('environment'), { engine })).times.a?.attempts).toBe(2);
  });
});

describe('cancel', () => {
  test('during the pause before a retry: what the attempt gave is the last word', async () => {
    const cancel = new AbortController();
    const engine = scriptedEngine({ step: () => ({ exitCode: 7 }) });
    const { result, times } = await executeText(
      `${head}  a: { retry: { max: 1, delay: 1h }, steps: [x] }\n`,
      {
        engine,
        cancel: cancel.signal,
        hear: (event) => event.type === 'job-retrying' && cancel.abort(),
      },
    );
    expect(result.jobs.a).toMatchObject({
      status: 'failure',
      reason: 'step-failed',
      steps: [{ 'exit-code': 7 }],
    });
    expect(times.a?.attempts).toBe(1);
  });

  test('the running step is stopped, finally and always() run, waiting jobs are cancelled', async () => {
    const cancel = new AbortController();
    const engine = scriptedEngine({
      step: ({ script }) => {
        if (script !== 'hang') return undefined;
        cancel.abort();
        return new Promise(() => undefined);
      },
    });
    const { result, statuses: ended } = await executeText(
      `${head}  a: { steps: [hang, x, { run: x, if: always() }, { run: x, if: cancelled() }, { run: x, if: failure() }], finally: [x] }\n  b: { needs: [a], if: always(), steps: [x] }\n`,
      { engine, cancel: cancel.signal },
    );
    expect(ended).toEqual({ a: 'cancelled (cancelled)', b: 'cancelled (cancelled)' });
    expect(result.status).toBe('cancelled');
    expect(result.jobs.a?.steps.map((step) => step.status)).toEqual([
      'cancelled',
      'skipped',
      'success',
      'success',
      'skipped',
      'success',
    ]);
    expect(engine.sandboxes).toBe(0);
  });

  test('the second signal waits for nothing', async () => {
    const cancel = new AbortController();
    const kill = new AbortController();
    const engine = scriptedEngine({
      step: async (_step, io) => {
        const term = io.trapTerm();
        cancel.abort();
        await term;
        kill.abort();
        return new Promise(() => undefined);
      },
    });
    const { result } = await executeText(
      `${head}  a: { steps: [x, { run: x, if: always() }], finally: [x] }\n`,
      {
        engine,
        cancel: cancel.signal,
        kill: kill.signal,
      },
    );
    expect(result.jobs.a?.steps.map((step) => step.status)).toEqual(['cancelled', 'skipped', 'skipped']);
  });

  test('fail-fast cancels the siblings of a failure', async () => {
    const started = gate();
    const engine = scriptedEngine({
      step: async (_step, { job }) => {
        if (job === 'a[n=2]') {
          started.open();
          return new Promise(() => undefined);
        }
        await started.opened;
        return { exitCode: 1 };
      },
    });
    const job = '  a: { matrix: { n: ["1", "2", "3"] }, fail-fast: true, steps: [x] }\n';
    expect((await executeText(head + job, { engine, parallel: 2 })).statuses).toEqual({
      'a[n=1]': 'failure (step-failed)',
      'a[n=2]': 'cancelled (cancelled)',
      'a[n=3]': 'cancelled (cancelled)',
    });
  });
});

describe('faults', () => {
  test('a lost engine fails its jobs with the reason environment, and nothing is collected', async () => {
    const engine = scriptedEngine({
      step: () => {
        engine.lose();
        return new Promise(() => undefined);
      },
    });
    const job = '  a: { steps: [x], finally: [x], artifacts: { d: d/** } }\n';
    const { statuses: ended } = await executeText(head + job, { engine });
    expect(ended).toEqual({ a: 'failure (environment)' });
    expect(engine.calls.filter((call) => call.startsWith('get'))).toEqual([]);
  });

  test('a service that is not ready, and one that dies during a step', async () => {
    const job = '  a: { services: { db: { image: "db:1" } }, steps: [x], finally: [y] }\n';
    const unready = scriptedEngine({ service: () => fail('pipeline', 'service-failed', 'no').failure });
    expect((await executeText(head + job, { engine: unready })).statuses).toEqual({
      a: 'failure (service-failed)',
    });
    const dying = scriptedEngine({
      step: ({ script }) => {
        if (script !== 'x') return undefined;
        dying.killService('db');
        return new Promise(() => undefined);
      },
    });
    const { result } = await executeText(head + job, { engine: dying });
    expect(result.jobs.a).toMatchObject({ status: 'failure', reason: 'service-failed' });
    expect(result.jobs.a?.steps.map((step) => step.status)).toEqual(['cancelled', 'success']);
  });

  test('memory kills are named; a bad output line fails the step', async () => {
    const engine = scriptedEngine({
      step: ({ script }) =>
        script === 'eat' ? { exitCode: 137, outOfMemory: true } : { outputs: 'nonsense\n' },
    });
    const jobs = '  a: { resources: { memory: 512MiB }, steps: [eat] }\n  b: { steps: [x] }\n';
    const { events } = await executeText(head + jobs, { engine });
    const failures = events.flatMap((event) =>
      event.type === 'step-finished' && event.failure ? [event.failure] : [],
    );
    expect(failures.map(({ code, message }) => [code, message])).toEqual(
      expect.arrayContaining([
        ['out-of-memory', 'out of memory: limit 512MiB, exit 137'],
        ['invalid-output', expect.stringContaining('line 1 of $LOCKSTEP_OUTPUT')],
      ]),
    );
  });

  test('an artifact that matches nothing fails the job, unless it may', async () => {
    const jobs =
      '  a: { steps: [x], artifacts: { d: d/** } }\n  b: { steps: [x], artifacts: { d: { paths: [d/**], empty: ok } } }\n';
    expect(await statuses(jobs)).toEqual({ a: 'failure (artifact-missing)', b: 'success' });
  });
});

describe('withheld secrets', () => {
  const execute = async (jobs: string) => {
    const withheld = { a: ['A'] };
    const { statuses, events } = await executeText(head + jobs, { engine: byExitCode, withheld });
    return { statuses, events };
  };

  test('skip the job and those that need it, for their own reason', async () => {
    const { statuses, events } = await execute(`
  a: { steps: [x] }
  b: { needs: [a], steps: [x] }
  c: { needs: [a], if: always(), steps: [x] }
  d: { steps: [x] }
`);
    expect(statuses).toEqual({
      ...{ a: 'skipped (secret-withheld)', b: 'skipped (needs)', c: 'success', d: 'success' },
    });
    expect(events.find((event) => event.type === 'job-finished' && event.job === 'a')).toMatchObject({
      failure: { code: 'secret-withheld', message: expect.stringContaining('needs A') as string },
    });
  });

  test('say nothing of a job that would not run with them either, so it blocks nobody', async () => {
    const after = '  b: { needs: [a], steps: [x] }\n';
    expect((await execute(`  a: { if: "false", steps: [x] }\n${after}`)).statuses).toEqual({
      ...{ a: 'skipped (condition)', b: 'success' },
    });
    const empty = `  a: { matrix: "\${{ fromJSON('{\\"n\\": []}') }}", steps: [x] }\n`;
    expect((await execute(empty + after)).statuses).toEqual({ a: 'skipped (condition)', b: 'success' });
  });

  test('a status function does not get them', async () => {
    expect((await execute('  a: { if: always(), steps: [x] }\n')).statuses).toEqual({
      a: 'skipped (secret-withheld)',
    });
  });
});
