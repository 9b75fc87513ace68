import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePipeline } from '../../../src/pipeline/parse.ts';
import { check, describeAll, example, withJobs } from './sample.ts';

const inJob = (keys: string, top = ''): string => withJobs(`a:\n  steps: [x]\n  ${keys}`, top);
const inStep = (keys: string, top = ''): string => withJobs(`a:\n  steps:\n    - run: x\n      ${keys}`, top);

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

describe('the traps of YAML', () => {
  it.each<[string, string[]]>([
    [inStep('if: !failure()'), ['invalid-yaml@7:13 !failure()']],
    [inJob('env: { A: !!str 1 }'), ['invalid-yaml@6:15 !!str']],
    [inJob('env: { A: 3.10 }'), ['wrong-type@6:15 3.10']],
    [
      inJob('env: { A: 010, B: 0x1F, C: 1e3, D: True, E: 1.5, F: true, G: 12 }'),
      ['wrong-type@6:15 010', 'wrong-type@6:23 0x1F', 'wrong-type@6:32 1e3', 'wrong-type@6:40 True'],
    ],
    [inJob('matrix: { node: [3.10, "3.10"] }'), ['wrong-type@6:22 3.10']],
    [inJob('', 'params: { a: 1.0 }\n'), ['wrong-type@3:14 1.0']],
    [inJob('env: { A: 12345678901234567890 }'), ['wrong-type@6:15 12345678901234567890']],
    [inJob('services: { d: { image: a, env: { A: 1.0 } } }'), ['wrong-type@6:42 1.0']],
    [inStep('env: { A: 1.0 }'), ['wrong-type@7:19 1.0']],
    [inJob('git: false\n  git: false'), ['duplicate-key@7:5 git']],
    [inJob('env: { A: *nowhere }'), ['invalid-yaml@6:15 *nowhere']],
    ['%YAML 1.1\n---\nversion: 1', ['invalid-yaml@1:1 %YAML']],
    ['version: 1\n---\nversion: 1', ['invalid-yaml@2:1 ---\nversion: 1']],
    ['a: &a [*a]', ['invalid-yaml@1:8 *a', 'missing-key@1:1 a: &a [*a]', 'unknown-key@1:1 a']],
    ['[x]', ['wrong-type@1:1 [x]']],
  ])('%j', (text, expected) => {
    const found = check(text);
    for (const one of expected) expect(found).toContain(one);
    expect(found.filter((one) => !one.startsWith('missing-key'))).toHaveLength(
      expected.filter((one) => !one.startsWith('missing-key')).length,
    );
  });

  it('bounds what aliases write out', () => {
    const levels = Array.from({ length: 9 }, (_, level) =>
      level === 0
        ? 'l0: &l0 [x, x, x, x, x, x, x, x, x]'
        : `l${level}: &l${level} [${`*l${level - 1}, `.repeat(9)}]`,
    );
    const [bomb, ...others] = check(`x-bomb:\n  ${levels.join('\n  ')}\n${example}`);
    expect(bomb).toMatch(/^anchor-bomb@\d+:\d+ \*l\d$/);
    expect(others).toEqual([]);
  });

  it('lets a file be nested as deep as it likes', () => {
    expect(check('['.repeat(20_000))[0]).toMatch(/^invalid-yaml@/);
    expect(check(`a: ${'{a: '.repeat(20_000)}`)[0]).toMatch(/^invalid-yaml@/);
  });
});

describe('merges and anchors', () => {
  it('take what is not there yet', () => {
    const text = withJobs(
      'a:\n  <<: *base\n  timeout: 5m\nb:\n  <<: [{ timeout: 6m }, *base]',
      'x-base: &base { image: node, timeout: 1m, steps: [x] }\n',
    );
    const { pipeline } = parsePipeline({ file: 'f', text });
    expect(pipeline?.pipeline.jobs).toMatchObject({
      a: { image: { ref: 'node' }, timeout: '5m' },
      b: { timeout: '6m', steps: [{ run: 'x' }] },
    });
  });

  it('say a problem once, where it is written', () => {
    const jobs = 'a: { <<: *base }\nb: { <<: *base }';
    expect(check(withJobs(jobs, 'x-base: &base { timeot: 1m, steps: [x] }\n'))).toEqual([
      'unknown-key@3:17 timeot',
    ]);
  });

  it('refuse a merge of something else', () => {
    expect(check(withJobs('a: { <<: x, steps: [y] }'))).toEqual(['invalid-yaml@4:12 x']);
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

const say = (text: string): string[] => {
  const { diagnostics } = parsePipeline({ file: 'lockstep.yml', text });
  return describeAll(diagnostics, text).map((one, index) => `${one} → ${diagnostics[index]?.hint ?? ''}`);
};
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

describe('one slip of YAML is one problem', () => {
  const E = '${{ params.x }}';
  const braces = 'quote a text with ${{ inside […] or {…}';
  const quotes = 'a text that holds `: ` wants quotes';
  it.each<[string, string[]]>([
    [
      inJob(`services: { db: { image: node:${E}, env: { A: b } } }\n  git: false`),
      [`invalid-yaml@6:36 { → ${braces}`],
    ],
    [inJob(`env: { A: ${E}, B: ${E} }`), [`invalid-yaml@6:16 { → ${braces}`]],
    [withJobs('a: { steps: [x] }}\nb: { steps: [x] }'), ['invalid-yaml@4:20 } → ']],
    [inJob('  image: x\n  git: false\n  reuse: false'), ['invalid-yaml@6:1   → ']],
    ['version: 1\njobs:\n\ta: b\n\tc: d', ['invalid-yaml@3:1 \t → ']],
    // and two are two
    [
      withJobs('a: { image: b: c, steps: [x] }\nb:\n  image: c: d\n  steps: [x]'),
      [`invalid-yaml@4:15 b: c → ${quotes}`, `invalid-yaml@6:12 c → ${quotes}`],
    ],
    [
      withJobs('a:\n  steps: [x\n  git: false\nb:\n  steps: [x\n  git: false'),
      ['invalid-yaml@6:5 g → ', 'invalid-yaml@9:5 g → '],
    ],
    [
      inJob(`description: a: b\n  services: { db: { image: node:${E} } }`),
      [`invalid-yaml@6:18 a → ${quotes}`, `invalid-yaml@7:36 { → ${braces}`],
    ],
  ])('%j', (text, expected) => {
    expect(say(text)).toEqual(expected);
  });
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

it('never throws, and says where: mangled files', () => {
  const mangle = fc.record({
    at: fc.nat(example.length),
    take: fc.nat(8),
    put: fc.oneof(
      fc.constantFrom(
        '',
        '{',
        '}',
        '[',
        ']',
        ': ',
        '- ',
        '&a ',
        '*a',
        '!x ',
        '${{ ',
        ' }}',
        "'",
        '"',
        '\n',
        '  ',
        '#',
        '|',
        '<<: ',
        '~',
        '0x1',
        '.inf',
        '__proto__: 1',
        'constructor',
      ),
      fc.string({ maxLength: 4 }),
    ),
  });
  fc.assert(
    fc.property(fc.array(mangle, { minLength: 1, maxLength: 4 }), (edits) => {
      let text = example;
      for (const { at, take, put } of edits) text = text.slice(0, at) + put + text.slice(at + take);
      const { pipeline, diagnostics } = parsePipeline({ file: 'f', text });
      const hasError = diagnostics.some(({ severity }) => severity === 'error');
      expect(pipeline === null).toBe(hasError);
      for (const { location, message } of diagnostics) {
        expect(location?.file).toBe('f');
        expect(location?.offset).toBeGreaterThanOrEqual(0);
        expect((location?.offset ?? 0) + (location?.length ?? 0)).toBeLessThanOrEqual(text.length + 1);
        expect(message).not.toBe('');
      }
    }),
    { numRuns: 400 },
  );
});
