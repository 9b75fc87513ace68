// What is wrong with the keys of a pipeline file: each problem once, at its place, all of them in one pass.
import { describe, expect, it } from 'vitest';
import { check, example, inJob, inStep, withJobs } from './sample.ts';

const seventeen = Array.from({ length: 17 }, (_, index) => index).join(', ');

it('has nothing to say of the example', () => {
  expect(check(example)).toEqual([]);
});

describe('one problem each', () => {
  it.each<[string, string]>([
    // the file
    ['', 'missing-key@1:1 '],
    ['- a', 'wrong-type@1:1 - a'],
    ['version: 1', 'missing-key@1:1 version: 1'],
    ['version: 1\njobs: {}', 'missing-key@2:1 jobs'],
    ['a: "b', 'invalid-yaml@1:6 '],
    ['version: 2\n' + inJob('').slice(11), 'unsupported-version@1:10 2'],
    [inJob('', 'nam: x\n'), 'unknown-key@3:1 nam'],
    [inJob('', 'platform: linux/arm\n'), 'wrong-type@3:11 linux/arm'],
    [inJob('', 'a: b\nx-a: c\n'), 'unknown-key@3:1 a'],
    ['a: b\n'.repeat(300_000), 'file-too-large@1:1 '],

    // names
    [inJob('', 'env: { LOCKSTEP_A: x }\n'), 'invalid-name@3:8 LOCKSTEP_A'],
    [inJob('', 'env: { "a=b": x }\n'), 'invalid-name@3:8 "a=b"'],
    [inJob('', 'secrets: [a-b]\n'), 'invalid-name@3:11 a-b'],
    [withJobs('9a: { steps: [x] }'), 'invalid-name@4:3 9a'],
    [inJob('outputs: { a-b: x }'), 'invalid-name@6:16 a-b'],
    [inJob('artifacts: { ../a: x }'), 'invalid-name@6:18 ../a'],
    [inJob('services: { local_: { image: a } }'), 'invalid-name@6:17 local_'],
    [inJob('services: { localhost: { image: a } }'), 'invalid-name@6:17 localhost'],
    [inJob('env: { constructor: x }'), 'invalid-name@6:12 constructor'],
    [inStep('id: 1a'), 'invalid-name@7:13 1a'],

    // types
    [inJob('needs: a'), 'wrong-type@6:12 a'],
    [inJob('git: "true"\n  reuse: false'), 'wrong-type@6:10 "true"'],
    [inJob('max-parallel: 0'), 'wrong-type@6:19 0'],
    [inJob('env: { A: [x] }'), 'wrong-type@6:15 [x]'],
    [inJob('env: { A: }'), 'wrong-type@6:12 A'],
    [inJob('env: { A: null }'), 'wrong-type@6:15 null'],
    [inJob('env: { A: "x\\0y" }'), 'wrong-type@6:15 "x\\0y"'],
    [inJob('resources: { cpus: 0 }'), 'wrong-type@6:24 0'],
    [inJob('allow-failure: { exit-codes: [0] }'), 'wrong-type@6:35 0'],
    [inJob('retry: { max: 1, on: [failed] }'), 'wrong-type@6:27 failed'],
    [inJob('services: { db: { image: a, command: a b } }'), 'wrong-type@6:42 a b'],
    [inStep('shell: zsh'), 'wrong-type@7:16 zsh'],
    [inStep('shell: []'), 'wrong-type@7:16 []'],
    [withJobs('a: { steps: [] }'), 'wrong-type@4:15 []'],
    [withJobs('a: { steps: [" "] }'), 'wrong-type@4:16 " "'],
    [withJobs('a: { steps: ["a\\0"] }'), 'wrong-type@4:16 "a\\0"'],
    [inJob('matrix: { node: x }'), 'wrong-type@6:21 x'],
    [inJob('matrix: all'), 'wrong-type@6:13 all'],

    // missing
    [withJobs('a: { git: false }'), 'missing-key@4:3 a'],
    [withJobs('a: { steps: [{ name: x }] }'), 'missing-key@4:16 { name: x }'],
    [inJob('services: { db: {} }'), 'missing-key@6:17 db'],
    [inJob('services: { db: { image: a, ready: {} } }'), 'missing-key@6:40 {}'],
    [
      inJob('services: { db: { image: a, ready: { tcp: 1, http: b } } }'),
      'missing-key@6:40 { tcp: 1, http: b }',
    ],
    [inJob('reports: { coverage: {} }'), 'missing-key@6:26 {}'],
    ['version: 1\njobs:\n  a: { steps: [x] }', 'missing-image@3:3 a'],

    // units, patterns, references
    [inJob('timeout: 20'), 'wrong-type@6:14 20'],
    [inJob('timeout: 0s'), 'invalid-duration@6:14 0s'],
    [inJob('retry: { max: 1, delay: soon }'), 'invalid-duration@6:29 soon'],
    [inJob('resources: { memory: 1MB }'), 'invalid-size@6:26 1MB'],
    [inJob('inputs: ["a[b"]'), 'invalid-glob@6:14 "a[b"'],
    [inJob('inputs: ["!/a"]'), 'path-outside-workspace@6:14 "!/a"'],
    [inJob('reports: { junit: a/../b }'), 'path-outside-workspace@6:23 a/../b'],
    [inJob('image: Node'), 'invalid-image@6:12 Node'],
    [inJob('image: { ref: "a b" }'), 'invalid-image@6:19 "a b"'],

    // needs
    [withJobs('build: { steps: [x] }\na: { needs: [biuld], steps: [x] }'), 'unknown-job@5:16 biuld'],
    [inJob('needs: [{ job: b }]'), 'unknown-job@6:20 b'],
    [inJob('needs: [a]'), 'self-dependency@6:13 a'],
    [withJobs('a: { steps: [x] }\nb: { needs: [a, a], steps: [x] }'), 'duplicate-key@5:19 a'],
    [withJobs('a: { needs: [b], steps: [x] }\nb: { needs: [a], steps: [x] }'), 'dependency-cycle@4:16 b'],
    [
      withJobs('a: { steps: [x] }\nb: { needs: [{ job: a, artifacts: [d] }], steps: [x] }'),
      'unknown-artifact@5:38 d',
    ],
    [
      withJobs(
        'a: { steps: [x], artifacts: { d: ./out/ } }\nb: { steps: [x], artifacts: { e: [out, x/*] } }\nc: { needs: [a, b], steps: [x] }',
      ),
      'artifact-conflict@6:19 b',
    ],

    // grants
    [inJob('secrets: [OTHER, TOKN]', 'secrets: [OTHER]\n'), 'unknown-secret@7:22 TOKN'],
    [inStep('secrets: [A]'), 'unknown-secret@7:19 A'],
    [inJob('services: { db: { image: a, secrets: [A] } }'), 'unknown-secret@6:43 A'],
    [
      inJob('services: { db: { image: a, secrets: [A, B] } }', 'secrets: { A: {}, B: { file: true } }\n'),
      'secret-file-for-service@7:46 B',
    ],
    [
      inJob('secrets: [A, A_FILE]', 'secrets: { A: { file: true }, A_FILE: {} }\n'),
      'secret-name@3:31 A_FILE',
    ],
    [
      inJob('secrets: [A_FILE, A]', 'secrets: { A_FILE: {}, A: {} }\n')
        .replace('A: {}', 'LOCKSTEP_X: {}')
        .replace('A]', 'LOCKSTEP_X]'),
      'secret-name@3:24 LOCKSTEP_X',
    ],
    [inJob('image: { ref: a, auth: { username: u, password-secret: A } }'), 'unknown-secret@6:60 A'],
    [inJob('caches: [npm]'), 'unknown-cache@6:14 npm'],
    [inJob('', 'caches: { npm: { path: /a } }\n'), 'unused-cache@3:11 npm'],
    [inJob('', 'secrets: [A]\n'), 'unused-secret@3:11 A'],
    [inJob('', 'secrets: { A: {} }\n'), 'unused-secret@3:12 A'],

    // steps
    [withJobs('a: { steps: [{ run: x, id: s }, { run: y, id: S }] }'), 'duplicate-step-id@4:49 S'],
    [
      withJobs('a: { services: { d: { image: x } }, steps: [x, { run: y, services: false }] }'),
      'late-services@4:70 false',
    ],
    [inJob('git: true'), 'git-in-reusable-job@6:5 git'],

    // params
    [inJob('', 'params: { a: { type: number, default: "1" } }\n'), 'param-value@3:39 "1"'],
    [inJob('', 'params: { a: { type: choice, options: [x], default: y } }\n'), 'param-value@3:53 y'],
    [inJob('', 'params: { a: { type: choice } }\n'), 'missing-key@3:11 a'],
    [
      inJob('', 'params: { a: { default: x } }\n'),
      'missing-key@3:14 { default: x }'.replace('3:14 { default: x }', '3:11 a'),
    ],
    [inJob('', 'params: { a: { type: string, options: [x] } }\n'), 'wrong-type@3:30 options'],

    // the matrix
    [inJob('matrix: { node: [] }'), 'empty-matrix@6:5 matrix'],
    [inJob('matrix: { node: [1], exclude: [{ node: 1 }] }'), 'empty-matrix@6:5 matrix'],
    [inJob('matrix: { node: [1], exclude: [{ nod: 1 }] }'), 'unknown-key@6:35 [{ nod: 1 }]'],
    [
      inJob(`matrix: { a: [${seventeen}], b: [${seventeen}] }`),
      'matrix-too-large@6:13 ' + `{ a: [${seventeen}], b: [${seventeen}] }`,
    ],
    [inJob('matrix: { a: [x, x] }'), 'duplicate-key@6:13 { a: [x, x] }'],
    [inJob('matrix: { a: [x], A: [y] }'), 'duplicate-key@6:23 A'],
  ])('%j', (text, expected) => {
    expect(check(text)).toEqual([expected]);
  });
});

it('finds all problems in one pass: a bad job hides none of another, nor most of its own', () => {
  const jobs = `a:
  imag: node
  needs: [c]
  steps: [{ runn: x }]
b:
  timeout: soon
  secrets: [NO]
  steps:
    - { run: x, id: s, shell: zsh }
    - { run: y, id: s, env: { A: "\${{ git.shaa }}" } }`;
  expect(check(withJobs(jobs, 'params: { p: { type: number, default: x } }\n'))).toEqual([
    'param-value@3:39 x',
    'unknown-key@6:5 imag',
    'unknown-job@7:13 c',
    'unknown-key@8:15 runn',
    'invalid-duration@10:14 soon',
    'unknown-secret@11:15 NO',
    'wrong-type@13:33 zsh',
    'duplicate-step-id@14:23 s',
    'unknown-context@14:45 shaa',
  ]);
});

it('does not conclude anything from what it took away', () => {
  const jobs = `a:
  image: Bad
  reuse: "false"
  outputs: { v: [x] }
  matrix: { n: x }
  steps: [x]
b:
  image: busybox
  needs: [a]
  env: { A: "\${{ needs.a.outputs.v }}" }
  steps: [x]`;
  const text = `version: 1\njobs:\n${jobs.replace(/^/gm, '  ')}`;
  expect(check(text).map((one) => one.split(' ')[0])).toEqual([
    'invalid-image@4:12',
    'wrong-type@5:12',
    'wrong-type@6:19',
    'wrong-type@7:18',
    'wrong-type@12:20',
  ]);
});
