// The redactor's promises one by one: which results are right, what is passed on when, what is warned of.
import { describe, expect, test } from 'vitest';
import { createRedactor } from '../../../../src/report/redact/redactor.ts';
import { secret } from './reference.ts';

const masked = (text: string, ...values: string[]) =>
  createRedactor(values.map((value) => secret(value))).text(text);

const streamOf = (...values: string[]) => {
  const stream = createRedactor(values.map((value) => secret(value))).stream();
  return {
    push: (text: string) => Buffer.from(stream.push(Buffer.from(text))).toString(),
    end: () => Buffer.from(stream.end()).toString(),
  };
};

describe('known wrong results of other tools', () => {
  test.each([
    ['abababc', 'ab***', ['ababc']],
    ['xxaaab', 'xxaaab', ['aab']],
    ['xaaaab', 'xa***', ['aaab']],
    ['111112', '1***', ['11112']],
    ['ghp_ghp_ghp_x9', 'ghp_***', ['ghp_ghp_x9']],
    ['aabbccee', '***', ['aabb', 'aabbccdd', 'ccee']],
  ])('%s → %s, in one chunk and byte by byte', (text, expected, values) => {
    expect(masked(text, ...values)).toBe(expected);
    const { push, end } = streamOf(...values);
    expect(Array.from(text, (char) => push(char)).join('') + end()).toBe(expected);
  });
});

describe('matches', () => {
  test.each([
    ['tokentoken', '***', ['token']],
    ['abcdefgh abcd abcdef', '*** *** ***ef', ['abcd', 'abcdefgh']],
    ['xabcdefx', 'x***x', ['abcd', 'cdef']],
    ['aaabcab.', '***.', ['aaabcab', 'abca', 'abcabZZZZ']],
    ['nothing of it', 'nothing of it', ['secret']],
  ])('%s → %s', (text, expected, values) => {
    expect(masked(text, ...values)).toBe(expected);
  });

  test('a short value counts only where it stands alone', () => {
    expect(masked('aab xaab aab_ (aab) aabé é aab', 'aab')).toBe('*** xaab aab_ (***) aabé é ***');
    expect(masked('1 11 1.1 x1', '1')).toBe('*** 11 ***.*** x1');
  });

  test('bytes that are no text stay as they are', () => {
    const stream = createRedactor([secret('token')]).stream();
    const bytes = Buffer.from([0, 255, 254, 128, 10]);
    expect(Buffer.concat([stream.push(bytes), stream.end()])).toEqual(bytes);
  });

  test('no secrets: what comes is what goes', () => {
    const redactor = createRedactor([secret('')]);
    const chunk = Buffer.from('anything');
    expect(redactor.stream().push(chunk)).toBe(chunk);
    expect(redactor.text('anything')).toBe('anything');
    expect(redactor.guard()).toBeNull();
    expect(redactor.warnings).toEqual([]);
  });
});

describe('a stream', () => {
  test('passes on at once what cannot begin a match, without a copy', () => {
    const stream = createRedactor([secret('a-long-secret')]).stream();
    const chunk = Buffer.from('!!! 100%\n');
    expect(stream.push(chunk)).toBe(chunk);
  });

  test('holds back the beginning of a match and nothing before it', () => {
    const { push, end } = streamOf('s3cr3t!!');
    expect(push('the s3c')).toBe('the ');
    expect(push('r3')).toBe('');
    expect(push('x')).toBe('s3cr3x');
    expect(push('s3')).toBe('');
    expect(end()).toBe('s3');
  });

  test('gives a whole match at once when no longer one can follow', () => {
    const { push, end } = streamOf('s3cr3t!!');
    expect(push('is s3cr3t!!')).toBe('is ***');
    expect(push('s3cr3t!!')).toBe('');
    expect(push('.')).toBe('.');
    expect(end()).toBe('');
  });

  test('shows a line at once though base64 could go on behind its end', () => {
    const { push } = streamOf('one-secret'); // b25lLXNlY3JldA==
    expect(push('half b2\n')).toBe('half b2\n');
    expect(push('half b25\n')).toBe('half ');
    expect(push('lLXNlY3JldA==')).toBe('***');
  });

  test('knows nothing of another one', () => {
    const redactor = createRedactor([secret('one-secret')]);
    const [out, err] = [redactor.stream(), redactor.stream()];
    const texts = [out.push(Buffer.from('one-')), err.push(Buffer.from('secret')), out.end(), err.end()];
    expect(Buffer.concat(texts).toString()).toBe('secretone-');
  });

  test('keeps no hold of a chunk it was given', () => {
    const stream = createRedactor([secret('one-secret')]).stream();
    const chunk = Buffer.from('one-sec');
    stream.push(chunk);
    chunk.fill(0);
    expect(Buffer.from(stream.end()).toString()).toBe('one-sec');
  });
});

describe('a value of several lines', () => {
  const pem =
    '-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq\nshort\nq83jfkw0Dk2l5Xh9Zs7\n-----END RSA PRIVATE KEY-----\n';

  test('is masked whole, with either end of line, and keeps the end of its own line', () => {
    expect(masked(`key: ${pem}next`, pem)).toBe('key: ***\nnext');
    expect(masked(`key: ${pem.replaceAll('\n', '\r\n')}next`, pem)).toBe('key: ***\r\nnext');
    expect(masked('token\nnext', 'token\n')).toBe('***\nnext');
  });

  test('is masked line by line; short lines and the lines of the PEM format are no secret', () => {
    expect(masked('> MIIEpAIBAAKCAQEA7bq\n> short\n> q83jfkw0Dk2l5Xh9Zs7\n', pem)).toBe(
      '> ***\n> short\n> ***\n',
    );
    expect(masked('-----BEGIN RSA PRIVATE KEY-----', pem)).toBe('-----BEGIN RSA PRIVATE KEY-----');
    expect(masked('          ', 'one line\n          \nanother line')).toBe('          ');
  });

  test('is masked where programs escape its lines', () => {
    expect(masked(JSON.stringify({ key: pem.trim() }), pem)).toBe('{"key":"***"}');
    expect(masked(Buffer.from('MIIEpAIBAAKCAQEA7bq').toString('base64'), pem)).toBe('***');
  });
});

test('warnings name what hides badly, and nothing of it', () => {
  const { warnings } = createRedactor([
    secret('', { name: 'EMPTY' }),
    secret('\n', { name: 'BLANK' }),
    secret('abc\n', { name: 'SHORT' }),
    secret('abc', { name: 'USER', guard: false }),
    secret('abcdefg', { name: 'SEVEN' }),
    secret('abcdefg', { name: 'MASKED', guard: false }),
    secret('abcdefgh', { name: 'EIGHT' }),
  ]);
  expect(warnings).toEqual([
    'secret BLANK is nothing but white space: it is not masked',
    'secret SHORT has fewer than 4 bytes: it is masked only where it stands alone, and not looked for in what is kept or published',
    'secret USER has fewer than 4 bytes: it is masked only where it stands alone',
    'secret SEVEN has fewer than 8 bytes: it is masked, but not looked for in what is kept or published',
  ]);
});

describe('the guard', () => {
  const first = (chunks: readonly string[], ...secrets: ReturnType<typeof secret>[]) => {
    const guard = createRedactor(secrets).guard();
    const leaks = chunks.map((chunk) => guard?.push(Buffer.from(chunk)));
    return { leaks, end: guard?.end() };
  };

  test('names the first secret and where it begins, across chunks', () => {
    const leak = { secret: 'A', offset: 5 };
    const secrets = [secret('12345678', { name: 'A' }), secret('abcdefgh', { name: 'B' })];
    expect(first(['00000123', '45', '678abcdefgh'], ...secrets)).toEqual({
      leaks: [null, null, leak],
      end: leak,
    });
    expect(first(['1234567'], ...secrets)).toEqual({ leaks: [null], end: null });
  });

  test('knows encoded forms', () => {
    const text = `{"auth":"${Buffer.from('user:12345678').toString('base64')}"}`;
    expect(first([text], secret('12345678')).end).toEqual({ secret: 'S', offset: 9 + 7 });
  });

  test('leaves out short values and those that need none', () => {
    const unguarded = [secret('1234567'), secret('12345678', { guard: false })];
    expect(createRedactor(unguarded).guard()).toBeNull();
    expect(first(['12345678'], ...unguarded, secret('something else')).end).toBeNull();
    expect(first(['12345678'], ...unguarded, secret('12345678', { name: 'G' })).end).toEqual({
      secret: 'G',
      offset: 0,
    });
    const within = secret('<12345678>', { guard: false });
    expect(first(['<12345678'], within, secret('12345678', { name: 'G' })).end).toEqual({
      secret: 'G',
      offset: 1,
    });
  });
});
