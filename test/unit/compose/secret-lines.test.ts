import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseSecretLines } from '../../../src/compose/secret-lines.ts';

const parse = (text: string) => {
  const parsed = parseSecretLines(Buffer.from(text));
  if ('problem' in parsed) return `${parsed.line}: ${parsed.problem}`;
  return Object.fromEntries([...parsed.values].map(([name, value]) => [name, value.toString()]));
};

describe('the lines of secrets.env', () => {
  it.each<[string, Record<string, string>]>([
    ['', {}],
    ['\n# a comment\n  # another\n\t\n', {}],
    ['A=b', { A: 'b' }],
    ['A=b\r\nC=d\r\n', { A: 'b', C: 'd' }],
    ['\ufeffA=b\n', { A: 'b' }],
    ['  A_1 =  b c  \n', { A_1: 'b c' }],
    ['A=\nB=b\n', { A: '', B: 'b' }],
    ['A=x=y&z#1"\'\n', { A: 'x=y&z#1"\'' }],
    ['A=$HOME \\n `id`', { A: '$HOME \\n `id`' }],
    ["A=' a # \"\\n ' # comment\nB=b", { A: ' a # "\\n ', B: 'b' }],
    ['A="a\\n\\t\\"\\\\\\$\\q"', { A: 'a\n\t"\\$\\q' }],
    ['A="one\ntwo # no comment\n"\nB=b', { A: 'one\ntwo # no comment\n', B: 'b' }],
    ["A='one\n\ntwo'\r\n", { A: 'one\n\ntwo' }],
    ['A=\u00a0ü\u00a0\n', { A: '\u00a0ü\u00a0' }],
    ['__proto__=x', { ['__proto__']: 'x' }],
  ])('%j', (text, values) => {
    expect(parse(text)).toEqual(values);
  });

  it.each([
    ['A=1\nsecret\n', '2: expected NAME=value'],
    ['export A=secret', '1: expected NAME=value'],
    ['1A=secret', '1: expected NAME=value'],
    ['=secret', '1: expected NAME=value'],
    ['A=1\n\nA=2', '3: its name was there before'],
    ['A="x\ny\nB=z', '1: its quote is never closed, or something follows it'],
    ["# c\nA='x' secret", '2: its quote is never closed, or something follows it'],
    [
      'A=secret # or a comment?',
      '1: a value with # after a space, or with a quote or # at its start, must be quoted',
    ],
    ['A=#secret', '1: a value with # after a space, or with a quote or # at its start, must be quoted'],
  ])('%j is refused without what stands there', (text, problem) => {
    expect(parse(text)).toBe(problem);
    expect(problem).not.toContain('secret');
  });

  it('gives back any bytes that were quoted', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 50 }), (bytes) => {
        const value = Buffer.from(bytes);
        const quoted = value.toString('latin1').replace(/["\\]/g, '\\$&');
        const parsed = parseSecretLines(Buffer.from(`A="${quoted}"\nB=b\n`, 'latin1'));
        expect('values' in parsed && parsed.values.get('A')?.equals(value)).toBe(true);
      }),
    );
  });

  it('takes a value of a megabyte', () => {
    const long = 'x\\n'.repeat(400_000);
    expect(parse(`A="${long}"`)).toEqual({ A: 'x\n'.repeat(400_000) });
  });
});
