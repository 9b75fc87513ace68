import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseStepOutputs } from '../../../engine/step-outputs.ts';

const parse = (text: string) =>
  parseStepOutputs(Buffer.from(text), (line) => line.replaceAll('hunter2', '***'));

describe('parseStepOutputs', () => {
  test.each([
    ['nothing', '', {}],
    ['lines', 'a=1\nb=two words\n', { a: '1', b: 'two words' }],
    ['no last newline', 'a=1', { a: '1' }],
    ['an empty value and equals signs', 'a=\nb=x=y\n', { a: '', b: 'x=y' }],
    ['the last one counts', 'a=1\na=2\n', { a: '2' }],
    ['several lines', 'a<<END\n1\n\n2\nEND\nb=3\n', { a: '1\n\n2', b: '3' }],
    ['an end word that looks like an output', 'a<<X=1\nv\nX=1\n', { a: 'v' }],
    ['an empty block', 'a<<END\nEND\n', { a: '' }],
    ['a value that holds <<', 'a=1 << 2\n', { a: '1 << 2' }],
    ['Windows line ends', 'a=1\r\nb<<E\r\nx\r\nE\r\n', { a: '1', b: 'x\r' }],
    ['a name that objects have', '__proto__=1\n', Object.fromEntries([['__proto__', '1']])],
  ])('%s', (_name, text, value) => {
    expect(parse(text)).toEqual({ ok: true, value });
  });

  test.each([
    ['a line that is neither', 'a=1\nhello\n', 'line 2'],
    ['a bad name', 'a b=1\n', 'line 1'],
    ['a block that never ends', 'x=1\na<<END\n1\n', "'a<<END' is never closed"],
    ['a block without an end word', 'a<<\n', 'names no end word'],
  ])('%s is an error with its line', (_name, text, words) => {
    const parsed = parse(text);
    expect(parsed).toMatchObject({ ok: false, failure: { kind: 'pipeline', code: 'invalid-output' } });
    expect(parsed.ok ? '' : parsed.failure.message).toContain(words);
  });

  test('any value of several lines comes back as it was written', () => {
    fc.assert(
      fc.property(
        fc.string().filter((text) => !text.split('\n').includes('__END__')),
        (value) => {
          fc.pre(!/__END__\r?$/m.test(value) && value.isWellFormed());
          expect(parse(`a<<__END__\n${value}\n__END__\n`)).toEqual({ ok: true, value: { a: value } });
        },
      ),
    );
  });
});

test('a line that is not understood is shown masked, then cut', () => {
  const parsed = parse(`${'x '.repeat(38)}hunter2\n`);
  expect(parsed).toMatchObject({
    ok: false,
    failure: { message: expect.stringMatching(/x \*\*\*'$/) as string },
  });
});
