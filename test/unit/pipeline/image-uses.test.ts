import { expect, test } from 'vitest';
import { createEvaluator } from '../../../src/pipeline/evaluator.ts';
import { lockableImages, unlockedImages } from '../../../src/pipeline/image-uses.ts';
import { parsePipeline } from '../../../src/pipeline/parse.ts';
import { context, planOf } from '../../rig/in-process.ts';

const digest = `sha256:${'a'.repeat(64)}`;

/** Images that can be locked, and the users of those that cannot, or not all. */
function look(yaml: string) {
  const { pipeline, diagnostics } = parsePipeline({ file: 'lockstep.yml', text: `version: 1\n${yaml}` });
  if (!pipeline) throw new Error(JSON.stringify(diagnostics));
  const found = lockableImages(pipeline, context, createEvaluator());
  return {
    images: [...found.images].sort(),
    open: found.open.map(({ user }) => user),
    problems: found.diagnostics.map(({ severity, code, message }) => `${severity} ${code} ${message}`),
  };
}

test.each([
  [
    'jobs, services and defaults',
    'defaults: {image: d}\njobs: {a: {steps: [x], services: {s: {image: "s:1"}}}, b: {image: b, steps: [x]}}',
    ['b', 'd', 's:1'],
  ],
  [
    'every instance of a matrix',
    'jobs: {a: {image: "n:${{ matrix.v }}", matrix: {v: ["1", "2"], include: [{v: "3"}]}, steps: [x]}}',
    ['n:1', 'n:2', 'n:3'],
  ],
  ['by env', 'env: {V: "1"}\njobs: {a: {image: "n:${{ env.V }}", steps: [x]}}', ['n:1']],
  ['a job that its `if` skips here', 'jobs: {a: {if: "git.tag != \'\'", image: a, steps: [x]}}', ['a']],
  [
    'every option of the params',
    'params: {v: {type: choice, options: ["1", "2"]}, slim: {type: boolean}}\njobs: {a: {image: "n:${{ params.V }}${{ params.slim && \'-slim\' || \'\' }}", steps: [x]}}',
    ['n:1', 'n:1-slim', 'n:2', 'n:2-slim'],
  ],
  ['one that names its digest is none', `jobs: {a: {image: "n@${digest}", steps: [x]}}`, []],
  [
    'a matrix that only the run knows, not read',
    'jobs: {m: {image: m, steps: [{id: s, run: x}], outputs: {m: "${{ steps.s.outputs.m }}"}}, a: {needs: [m], matrix: "${{ fromJSON(needs.m.outputs.m) }}", image: a, steps: [x]}}',
    ['a', 'm'],
  ],
  [
    'a free param, not read',
    'params: {v: {type: string, required: true}}\njobs: {a: {image: a, steps: [x]}}',
    ['a'],
  ],
])('%s', (_name, yaml, images) => {
  expect(look(yaml)).toEqual({ images, open: [], problems: [] });
});

test.each([
  [
    'an output',
    'jobs: {m: {image: m, steps: [{id: s, run: x}], outputs: {i: "${{ steps.s.outputs.i }}"}}, a: {needs: [m], image: "${{ needs.m.outputs.i }}", steps: [x]}}',
    ['m'],
    'only a run knows the image ${{ needs.m.outputs.i }}',
  ],
  [
    'the tag',
    "jobs: {a: {image: \"${{ git.tag != '' && 'b' || 'a' }}\", steps: [x]}}",
    ['a'],
    "the image ${{ git.tag != '' && 'b' || 'a' }} is a here, and may be another elsewhere",
  ],
  [
    'the branch, by env',
    'env: {B: "${{ git.branch }}"}\njobs: {a: {image: "n:${{ env.B }}", steps: [x]}}',
    ['n:main'],
    'the image n:${{ env.B }} is n:main here, and may be another elsewhere',
  ],
  [
    'a param with any value',
    'params: {v: "1"}\njobs: {a: {image: "n:${{ params.v }}", steps: [x]}}',
    ['n:1'],
    'the image n:${{ params.v }} is n:1 here, and may be another elsewhere',
  ],
  [
    'a param without a value',
    'params: {v: {type: string, required: true}}\njobs: {a: {image: "n:${{ params.v }}", steps: [x]}}',
    [],
    'only a run knows the image n:${{ params.v }}',
  ],
])('open: %s', (_name, yaml, images, problem) => {
  expect(look(yaml)).toEqual({
    images,
    open: ['job a'],
    problems: [`warning image-not-locked job a: ${problem}`],
  });
});

test('too many choices: those beyond are as free as text', () => {
  const many = Array.from({ length: 20 }, (_, index) => `"${index}"`).join();
  const yaml = `params: {a: {type: choice, options: [${many}]}, b: {type: choice, options: [${many}]}}\njobs: {a: {image: "n:\${{ params.b }}", steps: [x]}}`;
  expect(look(yaml)).toMatchObject({ images: ['n:0'], open: ['job a'] });
});

test('an expression that gives no reference', () => {
  const { problems } = look('jobs: {a: {image: "${{ \'A b\' }}", steps: [x]}}');
  expect(problems).toEqual(["error invalid-image job a: the image 'A b' holds white space"]);
});

test('a plan warns of each image that is not in the lock file, once', () => {
  const plan = planOf(
    `version: 1\ndefaults: {image: d}\njobs: {a: {steps: [x]}, b: {steps: [x], services: {s: {image: s}}}, c: {image: "d@${digest}", steps: [x]}, e: {image: e, steps: [x]}}`,
  );
  const pins = new Map([['e', digest]]);
  expect(unlockedImages(plan, pins, createEvaluator())).toEqual([
    {
      severity: 'warning',
      code: 'image-not-locked',
      message: 'job a: the image d is not in the lock file',
      hint: 'add it: lockstep lock',
    },
    {
      severity: 'warning',
      code: 'image-not-locked',
      message: 'service s of job b: the image s is not in the lock file',
      hint: 'add it: lockstep lock',
    },
  ]);
});
