// Which jobs are in a plan, with which params, matrix and needs, and which facts they read.
import { describe, expect, it } from 'vitest';
import { createEvaluator } from '../../../src/pipeline/evaluator.ts';
import { planPipeline } from '../../../src/pipeline/plan.ts';
import { load, only, plan, refusePlan, request, withJobs } from './sample.ts';

const names = (text: string, jobs: string[], withNeeds = true): string[] =>
  plan(text, { jobs, withNeeds }).jobs.map((job) => job.name);

describe('needs', () => {
  const jobs = `a: { steps: [x], artifacts: { d: d, e: e }, outputs: { v: w } }
b: { steps: [x], needs: [a] }
c: { steps: [x], needs: [{ job: a, artifacts: false }] }
d: { steps: [x], needs: [{ job: a, artifacts: [e] }] }
e: { steps: [x], needs: [{ job: a, artifacts: false }], env: { A: "\${{ needs.a.outputs.v }}" } }
f: { steps: [x], needs: [{ job: a, artifacts: false }], if: needs.a.status == 'success' }
g: { steps: [x], needs: [{ job: a, artifacts: false }, b], if: "toJSON(needs) != ''" }
h: { steps: [x], needs: [{ job: a, artifacts: false }, b], finally: [{ run: x, if: needs.*.outputs.v }] }`;
  const planned = Object.fromEntries(plan(withJobs(jobs)).jobs.map((job) => [job.name, job]));

  it('take all artifacts, none, or some', () => {
    expect(planned.b?.needs).toEqual([{ job: 'a', artifacts: ['d', 'e'] }]);
    expect(planned.c?.needs).toEqual([{ job: 'a', artifacts: [] }]);
    expect(planned.d?.needs).toEqual([{ job: 'a', artifacts: ['e'] }]);
  });

  it('take from those whose artifacts or outputs they use', () => {
    const takes = Object.fromEntries(Object.entries(planned).map(([name, job]) => [name, job.takesFrom]));
    expect(takes).toEqual({
      a: [],
      b: ['a'],
      c: [],
      d: ['a'],
      e: ['a'],
      f: [],
      g: ['a', 'b'],
      h: ['a', 'b'],
    });
  });
});

describe('selection', () => {
  const text = withJobs(
    'z: { steps: [x], needs: [m] }\nm: { steps: [x] }\nother: { steps: [x] }\nlast: { steps: [x], needs: [z] }',
  );

  it('is all jobs, each after its needs', () => {
    expect(names(text, [])).toEqual(['m', 'z', 'other', 'last']);
  });

  it('brings what the jobs need, or not', () => {
    expect(names(text, ['last'])).toEqual(['m', 'z', 'last']);
    expect(names(text, ['last'], false)).toEqual(['last']);
    expect(names(text, ['last', 'm', 'last'], false)).toEqual(['m', 'last']);
  });

  it('keeps the whole graph', () => {
    expect(plan(text, { jobs: ['m'] }).graph).toEqual({ z: ['m'], m: [], other: [], last: ['z'] });
  });

  it('refuses a job that is not there', () => {
    expect(refusePlan(text, { jobs: ['othr', 'toString'] })).toEqual(['unknown-job', 'unknown-job']);
  });
});

describe('params', () => {
  const top = `params:
  s: text
  n: 3
  b: false
  c: { type: choice, options: [x, y] }
  r: { type: string, required: true, default: d }
  e: { type: number }
`;
  const text = withJobs('a: { steps: [x] }', top);

  it('have their defaults', () => {
    expect(plan(text).params).toEqual({ s: 'text', n: 3, b: false, c: 'x', r: 'd', e: 0 });
  });

  it('are read by their type', () => {
    const params = { s: '1', n: '-2.5', b: 'true', c: 'y' };
    expect(plan(text, { params }).params).toMatchObject({ s: '1', n: -2.5, b: true, c: 'y' });
  });

  it.each([
    [{ n: 'x' }, 'param-value'],
    [{ n: '' }, 'param-value'],
    [{ b: 'yes' }, 'param-value'],
    [{ c: 'z' }, 'param-value'],
    [{ q: '1' }, 'unknown-param'],
    [{ toString: '1' }, 'unknown-param'],
  ])('%j is refused', (params, code) => {
    expect(refusePlan(text, { params: params })).toEqual([code]);
  });

  it('must be there where they are required', () => {
    const required = withJobs('a: { steps: [x] }', 'params: { r: { type: string, required: true } }\n');
    expect(refusePlan(required)).toEqual(['param-value@3:11 r']);
    expect(plan(required, { params: { r: '' } }).params).toEqual({ r: '' });
  });
});

describe('the matrix', () => {
  const matrixOf = (matrix: string, top = '') => only(`matrix: ${matrix}`, top).matrix;
  const versions = 'params: { v: \'{"node":["22","24"]}\' }\n';

  it('is expanded where it is known', () => {
    expect(matrixOf('{ node: ["22", 24], include: [{ node: 24, x: true }] }')).toEqual({
      instances: [{ node: '22' }, { node: 24, x: true }],
    });
  });

  it('is evaluated now where params and facts suffice', () => {
    expect(matrixOf('${{ fromJSON(params.v) }}', versions)).toEqual({
      instances: [{ node: '22' }, { node: '24' }],
    });
    expect(
      matrixOf('{ node: "${{ fromJSON(params.v).node }}", os: ["${{ git.branch }}"] }', versions),
    ).toEqual({
      instances: [
        { node: '22', os: 'main' },
        { node: '24', os: 'main' },
      ],
    });
    expect(matrixOf('${{ fromJSON(\'{"v":[]}\') }}')).toEqual({ instances: [] });
  });

  it('stays a template where a job has to run first', () => {
    const jobs =
      'a: { steps: [x], outputs: { m: x } }\nb: { needs: [a], steps: [x], matrix: "${{ fromJSON(needs.a.outputs.m) }}" }';
    expect(plan(withJobs(jobs)).jobs[1]?.matrix).toEqual({ template: '${{ fromJSON(needs.a.outputs.m) }}' });
  });

  it('says where it does not come out', () => {
    expect(
      refusePlan(withJobs('a: { steps: [x], matrix: "${{ fromJSON(params.v) }}" }', 'params: { v: "{" }\n')),
    ).toEqual(['invalid-expression@5:28 "${{ fromJSON(params.v) }}"']);
    expect(
      refusePlan(withJobs('a: { steps: [x], matrix: { n: "${{ params.v }}" } }', 'params: { v: "{" }\n')),
    ).toEqual(['wrong-type@5:33 "${{ params.v }}"']);
  });

  describe('narrowed', () => {
    const text = withJobs(
      'a: { steps: [x], matrix: { node: ["22", 24] } }\nb: { needs: [a], steps: [x], matrix: { node: [24], os: [u] } }\nc: { needs: [b], steps: [x] }',
    );
    const instances = (jobs: string[], matrix: Record<string, string>) =>
      plan(text, { jobs, matrix }).jobs.map(({ name, matrix: of, only: asked }) => [
        name,
        'instances' in of ? of.instances : [],
        asked,
      ]);

    it('takes only the instances asked for, of the jobs asked for', () => {
      expect(instances(['b'], { node: '24' })).toEqual([
        ['a', [{ node: '22' }, { node: 24 }], {}],
        ['b', [{ node: 24, os: 'u' }], { node: '24' }],
      ]);
    });

    it('leaves jobs alone that do not have the key', () => {
      expect(instances([], { os: 'u' })).toEqual([
        ['a', [{ node: '22' }, { node: 24 }], {}],
        ['b', [{ node: 24, os: 'u' }], { os: 'u' }],
        ['c', [{}], {}],
      ]);
    });

    it('refuses what there is nothing of', () => {
      expect(refusePlan(text, { matrix: { nod: '24' } })).toEqual(['unknown-key']);
      expect(refusePlan(text, { jobs: ['c'], matrix: { node: '24' } })).toEqual(['unknown-key']);
      expect(refusePlan(text, { matrix: { node: '22' } })).toEqual(['param-value']);
    });

    it('is for the run to decide where only it knows the matrix', () => {
      const dynamic = withJobs(
        'a: { steps: [x], outputs: { m: x } }\nb: { needs: [a], steps: [x], matrix: "${{ needs.a.outputs.m }}" }',
      );
      expect(plan(dynamic, { matrix: { q: '1' } }).jobs.map((job) => job.only)).toEqual([{}, { q: '1' }]);
    });
  });
});

describe('the facts read', () => {
  const facts = (jobs: string, top = '') => load(withJobs(jobs, top)).facts;

  it('is empty where nothing is read', () => {
    expect(facts('a: { steps: [x] }')).toEqual([]);
  });

  it('names what is read, in any case', () => {
    expect(
      facts(
        'a: { steps: [{ run: x, if: GIT.Sha == \'\' }], env: { A: "${{ event.pull-request.number }}" } }',
        'env: { B: "${{ git.dirty }}" }\n',
      ),
    ).toEqual(['event.pull-request.number', 'git.dirty', 'git.sha']);
  });

  it('names all that may be read', () => {
    expect(facts('a: { steps: [x], if: toJSON(event.pull-request) }')).toEqual([
      'event.pull-request.fork',
      'event.pull-request.number',
      'event.pull-request.source',
      'event.pull-request.target',
    ]);
    expect(facts('a: { steps: [x], if: "git[params.p]" }', 'params: { p: sha }\n')).toHaveLength(9);
    expect(facts('a: { steps: [x], reuse: false, if: "contains(run.*, 1)" }')).toHaveLength(4);
  });

  it('of a plan is that of its jobs', () => {
    const text = withJobs(
      'a: { steps: [x], if: git.sha }\nb: { steps: [x], if: git.tag }',
      'env: { A: "${{ git.ref }}" }\n',
    );
    expect(plan(text, { jobs: ['b'] }).factsRead).toEqual(['git.ref', 'git.tag']);
  });
});

it('says where a param is declared when none is', () => {
  const { diagnostics } = planPipeline(
    load(withJobs('a: { steps: [x] }')),
    request({ params: { colour: 'red' } }),
    createEvaluator(),
  );
  expect(diagnostics).toMatchObject([
    { code: 'unknown-param', hint: 'declare it under `params` at the top of the file' },
  ]);
});
