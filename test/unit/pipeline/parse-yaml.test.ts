// What YAML does to a pipeline file: its traps, merges and slips, and files mangled in any way.
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parsePipeline } from '../../../src/pipeline/parse.ts';
import { check, example, inJob, inStep, say, withJobs } from './sample.ts';

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
