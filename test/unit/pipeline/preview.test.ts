import { describe, expect, it } from 'vitest';
import { createEvaluator } from '../../../src/pipeline/evaluator.ts';
import { jobsThatMayRun, previewPlan } from '../../../src/pipeline/preview.ts';
import { context, example, plan, withJobs } from './sample.ts';
import type { PlanRequest } from '../../../src/pipeline/plan.ts';

const preview = (text: string, more: Partial<PlanRequest> = {}) =>
  previewPlan(plan(text, more), createEvaluator());
const decisions = (jobs: string, more: Partial<PlanRequest> = {}, top = '') =>
  Object.fromEntries(
    preview(withJobs(jobs, top), more).jobs.map(({ name, decision }) => [
      name,
      decision.kind === 'run'
        ? 'run'
        : decision.kind === 'skipped'
          ? `${decision.reason}: ${decision.because}`
          : `? ${decision.because}`,
    ]),
  );

it('shows what is known of each instance', () => {
  const { jobs, ...rest } = preview(example);
  expect(rest).toEqual({ pipeline: 'web', platform: 'linux/amd64', params: { node: '24' } });
  expect(jobs[1]).toEqual({
    name: 'test',
    needs: [],
    decision: { kind: 'run' },
    secrets: ['NPM_TOKEN'],
    caches: ['npm'],
    steps: ['npm ci', 'npm test'],
    artifacts: [],
    outputs: [],
    instances: ['22', '24'].map((node) => ({
      name: `test[node=${node}]`,
      image: { template: 'node:${{ matrix.node }}-bookworm-slim', value: `node:${node}-bookworm-slim` },
      timeout: { template: '20m', value: '20m' },
      env: {
        DATABASE_URL: {
          template: 'postgres://postgres:x@db/postgres',
          value: 'postgres://postgres:x@db/postgres',
        },
      },
      services: { db: { template: 'postgres:17', value: 'postgres:17' } },
    })),
  });
  expect(jobs[3]).toMatchObject({
    name: 'release',
    decision: { kind: 'skipped', reason: 'condition', because: "if: git.tag != ''" },
    instances: [{ env: { VERSION: { template: '${{ needs.build.outputs.version }}', value: null } } }],
  });
});

it('survives JSON', () => {
  const whole = preview(example);
  expect(JSON.parse(JSON.stringify(whole))).toEqual(whole);
});

it('leaves open what only the run knows', () => {
  const jobs = `a: { steps: [x], outputs: { i: y } }
b:
  needs: [a]
  image: "\${{ env.I }}:\${{ env.T }}"
  env: { I: "\${{ needs.a.outputs.i }}", J: "\${{ env.T }}", R: "\${{ run.id }}" }
  reuse: false
  steps: [x]
c: { needs: [a], steps: [x], image: "n:\${{ env.T }}", matrix: "\${{ fromJSON(needs.a.outputs.i) }}" }`;
  const [, b, c] = preview(withJobs(jobs, 'env: { T: "${{ git.short-sha }}" }\n')).jobs;
  expect(b?.instances?.[0]?.image.value).toBeNull();
  expect(Object.values(b?.instances?.[0]?.env ?? {}).map(({ value }) => value)).toEqual([
    null,
    '0123456',
    null,
  ]);
  expect(c?.instances).toBeNull();
});

describe('decides', () => {
  it('by conditions on what is known', () => {
    const jobs = `a: { steps: [x], if: git.branch == 'main' }
b: { steps: [x], if: git.branch == 'dev' }
c: { steps: [x], if: env.E == 'main' }
d: { steps: [x], if: failure() }
e: { steps: [x], matrix: "\${{ fromJSON('{}') }}" }
f: { steps: [x], reuse: false, if: run.attempt == 1 }`;
    expect(decisions(jobs, {}, 'env: { E: "${{ git.branch }}" }\n')).toEqual({
      a: 'run',
      b: "condition: if: git.branch == 'dev'",
      c: 'run',
      d: 'condition: if: failure()',
      e: 'condition: its matrix is empty',
      f: '? if: run.attempt == 1 (reads run.attempt)',
    });
  });

  it('by what it takes of a skipped job, and hands that on', () => {
    const jobs = `skipped: { steps: [x], if: false, outputs: { v: w }, artifacts: { d: d } }
after: { needs: [{ job: skipped, artifacts: false }], steps: [x] }
taker: { needs: [skipped], steps: [x] }
reader: { needs: [{ job: skipped, artifacts: false }], steps: [x], env: { A: "\${{ needs.skipped.outputs.v }}" } }
far: { needs: [taker], steps: [x] }
anyway: { needs: [taker], steps: [x], if: always() }
beyond: { needs: [anyway], steps: [x] }`;
    expect(decisions(jobs)).toEqual({
      skipped: 'condition: if: false',
      after: 'run',
      taker: "needs: it takes from 'skipped', which is skipped",
      reader: "needs: it takes from 'skipped', which is skipped",
      far: "needs: 'taker' is skipped",
      anyway: 'run',
      beyond: "needs: 'taker' is skipped",
    });
  });

  it('not where the run has to', () => {
    const jobs = `a: { steps: [x], outputs: { v: w }, artifacts: { d: d } }
maybe: { needs: [a], steps: [x], if: needs.a.outputs.v == 1, artifacts: { d: d } }
after: { needs: [{ job: maybe, artifacts: false }], steps: [x] }
taker: { needs: [maybe], steps: [x] }
far: { needs: [taker], steps: [x] }
onfail: { needs: [a], steps: [x], if: failure() }
never: { needs: [taker], steps: [x], if: false }`;
    expect(decisions(jobs)).toEqual({
      a: 'run',
      maybe: '? if: needs.a.outputs.v == 1 (reads needs.a)',
      after: 'run',
      taker: "? it takes from 'maybe', which may be skipped",
      far: "? 'taker' may be skipped",
      onfail: '? if: failure() (asks failure())',
      never: 'condition: if: false',
    });
  });

  it('not what came of needs in another run', () => {
    const jobs = 'a: { steps: [x], artifacts: { d: d } }\nb: { needs: [a], steps: [x] }';
    expect(decisions(jobs, { jobs: ['b'], withNeeds: false })).toEqual({ b: "? 'a' is of another run" });
  });

  it('with the facts of the event', () => {
    const pull = { number: 7, source: 's', target: 't', fork: true };
    const event = { name: 'pull-request', 'pull-request': pull } as const;
    expect(
      decisions('a: { steps: [x], if: event.pull-request.fork }', { context: { ...context, event } }),
    ).toEqual({ a: 'run' });
    expect(decisions('a: { steps: [x], if: event.pull-request.fork }')).toMatchObject({ a: /condition/ });
  });
});

describe('withheld secrets', () => {
  const decided = (jobs: string) => {
    const whole = plan(withJobs(jobs, ''));
    const withheld = new Map([['a', ['A', 'B']]]);
    return {
      decisions: Object.fromEntries(
        previewPlan(whole, createEvaluator(), withheld).jobs.map(({ name, decision }) => [
          name,
          decision.kind === 'skipped' ? decision.reason : decision.kind,
        ]),
      ),
      mayRun: jobsThatMayRun(whole, createEvaluator(), withheld).map(({ name }) => name),
    };
  };

  it('skip the job and what needs it', () => {
    expect(
      decided(`a: { steps: [x] }
b: { needs: [a], steps: [x] }
c: { needs: [a], if: always(), steps: [x] }
d: { steps: [x] }`),
    ).toEqual({
      decisions: { a: 'secret-withheld', b: 'needs', c: 'run', d: 'run' },
      mayRun: ['c', 'd'],
    });
  });

  it('are no reason where the job is skipped by its if, or may be', () => {
    const after = '\nb: { needs: [a], steps: [x] }';
    expect(decided(`a: { if: "git.tag != ''", steps: [x] }${after}`).decisions).toEqual({
      ...{ a: 'condition', b: 'run' },
    });
    const open = `z: { steps: [x], outputs: { o: y } }
a: { needs: [z], if: needs.z.outputs.o == 'y', steps: [x] }${after}`;
    expect(decided(open).decisions).toEqual({ z: 'run', a: 'secret-withheld', b: 'run-time' });
  });
});
