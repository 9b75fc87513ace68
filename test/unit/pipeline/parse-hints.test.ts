// What to do about a problem of a pipeline file: the nearest name, the usual slip, the whole cycle.
import { describe, expect, it } from 'vitest';
import { parsePipeline } from '../../../src/pipeline/parse.ts';
import { check, inJob, inStep, say, withJobs } from './sample.ts';

const step = (text: string): string => withJobs(`a:\n  steps:\n    - ${text}`);

describe('hints', () => {
  it.each<[string, string]>([
    // words of other CI files
    [
      step('uses: actions/checkout@v4'),
      'unknown-key@6:9 uses → a step has `run`; the source is already there',
    ],
    [
      step('name: get\n      uses: actions/checkout@v4'),
      'unknown-key@7:9 uses → a step has `run`; the source is already there',
    ],
    [inStep('with: { a: b }'), 'unknown-key@7:9 with → a step has `run`, and takes values from `env`'],
    [inStep('working-directory: a'), 'unknown-key@7:9 working-directory → write `workdir`'],
    [
      inJob('runs-on: ubuntu-latest'),
      'unknown-key@6:5 runs-on → the container is the `image` of the job or of `defaults`',
    ],
    [inJob('timeout-minutes: 5'), 'unknown-key@6:5 timeout-minutes → write `timeout: 20m`'],
    [inJob('continue-on-error: true'), 'unknown-key@6:5 continue-on-error → write `allow-failure`'],
    [inJob('variables: { A: b }'), 'unknown-key@6:5 variables → write `env`'],
    [
      inJob('stage: test'),
      'unknown-key@6:5 stage → there are no stages: a job starts when its `needs` are done',
    ],
    [withJobs('a: { script: [x] }'), 'unknown-key@4:8 script → write `steps: […]`'],
    [step('script: x'), 'unknown-key@6:9 script → write `run: …`'],
    [inJob('before_script: [x]'), 'unknown-key@6:5 before_script → write it as the first of the `steps`'],
    [
      inJob('', 'on: [push]\n'),
      'unknown-key@3:1 on → what starts a run stands in the file of the CI platform; a job can have an `if`',
    ],
    // not one of them, though every object has it
    [inJob('toString: x'), 'unknown-key@6:5 toString → '],
    [inJob('tiemout: 1m'), "unknown-key@6:5 tiemout → did you mean 'timeout'?"],

    // `: ` makes a key
    [step('echo foo: bar'), 'unknown-key@6:9 echo foo → quote it: `: ` makes a key of what stands before it'],
    [step('{ runn: x }'), "unknown-key@6:11 runn → did you mean 'run'?"],

    // units and lists
    [inJob('timeout: 20'), 'wrong-type@6:14 20 → write 20m or 20s'],
    [inJob('timeout: 1.5'), 'wrong-type@6:14 1.5 → '],
    [inJob('timeout: "20"'), 'invalid-duration@6:14 "20" → write 90s, 20m or 1h30m'],
    [withJobs('a: { steps: echo hi }'), 'wrong-type@4:15 echo hi → write a list: steps: [echo hi]'],
    [withJobs("a: { steps: 'echo a, b' }"), "wrong-type@4:15 'echo a, b' → write a list: […]"],
    [
      inJob('services: { db: { image: a, command: b --c } }'),
      'wrong-type@6:42 b --c → write a list: command: [b, --c]',
    ],
    [inJob(`if: params.x == 'y'`), 'unknown-param@6:16 x → declare it under `params` at the top'],
  ])('%j', (text, expected) => {
    expect(say(text)).toEqual([expected]);
  });
});

it('misses a key beside an unknown one that stands for something else', () => {
  expect(check(step('{ name: x, iff: a }'))).toEqual([
    'missing-key@6:9 { name: x, iff: a }',
    'unknown-key@6:20 iff',
  ]);
  expect(check('job: { a: { steps: [x] } }')).toEqual([
    'missing-key@1:1 job: { a: { steps: [x] } }',
    'unknown-key@1:1 job',
  ]);
});

it('suggests the nearest name', () => {
  const { diagnostics } = parsePipeline({ file: 'f', text: inJob('tiemout: 1m') });
  expect(diagnostics[0]).toMatchObject({ code: 'unknown-key', hint: "did you mean 'timeout'?" });
});

it('names the whole cycle', () => {
  const jobs = 'a: { needs: [b], steps: [x] }\nb: { needs: [c], steps: [x] }\nc: { needs: [a], steps: [x] }';
  const { diagnostics } = parsePipeline({ file: 'f', text: withJobs(jobs) });
  expect(diagnostics.map(({ message }) => message)).toEqual([
    'jobs need each other in a circle: a → b → c → a',
  ]);
});
