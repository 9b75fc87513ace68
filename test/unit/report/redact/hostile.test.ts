// What may get a secret past the redactor, or make it hide or hold back what it should not.
import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { buildAutomaton } from '../../../../src/report/redact/automaton.ts';
import { patternsOf } from '../../../../src/report/redact/patterns.ts';
import { createRedactor } from '../../../../src/report/redact/redactor.ts';
import { secret } from './reference.ts';

const redactorOf = (...values: (string | Uint8Array)[]) =>
  createRedactor(values.map((value) => ({ name: 'S', value: Buffer.from(value), guard: true })));
const masked = (text: string, ...values: string[]) => redactorOf(...values).text(text);

describe('a stream', () => {
  const streamOf = (...values: (string | Uint8Array)[]) => {
    const stream = redactorOf(...values).stream();
    return {
      push: (text: string) => Buffer.from(stream.push(Buffer.from(text, 'latin1'))).toString('latin1'),
      end: () => Buffer.from(stream.end()).toString('latin1'),
    };
  };

  test('ends once: what was held back comes one time', () => {
    const { push, end } = streamOf('s3cr3t!!');
    expect(push('x s3c')).toBe('x ');
    expect([end(), end()]).toEqual(['s3c', '']);
    const short = streamOf('abc');
    expect(short.push('x abc')).toBe('x ');
    expect([short.end(), short.end()]).toEqual(['***', '']);
  });

  test('loses nothing to empty chunks', () => {
    const { push, end } = streamOf('s3cr3t!!');
    const out = ['', 's3cr', '', '', '3t!!', '', '.'].map(push);
    expect(out.join('') + end()).toBe('***.');
  });

  test('makes one mask of matches that touch where a chunk ends, and of no others', () => {
    const { push } = streamOf('one-secret', 'two-secret');
    expect(push('one-secret') + push('two-secret')).toBe('***');
    expect(push(' one-secret') + push(' ') + push('two-secret')).toBe(' *** ***');
  });

  test('holds back no more than a match can need', () => {
    const { push, end } = streamOf('a'.repeat(20));
    expect(push('a'.repeat(19))).toBe('');
    expect(push(`b${'a'.repeat(5)}`)).toBe(`${'a'.repeat(19)}b`);
    expect(push('a'.repeat(1000))).toBe('***');
    expect(push('\n')).toBe('\n');
    expect(end()).toBe('');
  });

  test('finds the same however a chunk begins and ends', () => {
    const forms = [
      's3cr3t/w+rd',
      encodeURIComponent('s3cr3t/w+rd'),
      Buffer.from('s3cr3t/w+rd').toString('base64').replaceAll(/.{5}/g, '$&\r\n'),
    ];
    for (const form of forms)
      for (let at = 1; at < form.length; at++) {
        const { push, end } = streamOf('s3cr3t/w+rd');
        expect(push(`<${form.slice(0, at)}`) + push(`${form.slice(at)}>`) + end()).toBe('<***>');
      }
  });

  test('finds bytes that are no text, raw and encoded', () => {
    const bytes = Buffer.from([0, 255, 10, 254, 128, 13, 0, 7, 195, 40]);
    const { push, end } = streamOf(bytes);
    expect(push(`<${bytes.toString('latin1')}>`) + end()).toBe('<***>');
    const text = `${bytes.toString('base64')} ${bytes.toString('hex').replaceAll(/../g, '%$&')}`;
    expect(redactorOf(bytes).text(text)).toBe('*** ***');
  });
});

describe('values', () => {
  test('that begin or contain each other hide whole', () => {
    const values = ['abcdefgh', 'abcdefghijkl', 'efghijkl', 'ijklmnop'];
    expect(masked('abcdefghijk abcdefghijkl xefghijklmnop', ...values)).toBe('***ijk *** x***');
  });

  test('of several lines hide whole in every form, short lines too', () => {
    const value = '-----BEGIN KEY-----\nline/one+one\nab\n\n  line two: é€😀é€\ncd\n';
    const whole = value.trimEnd();
    const crlf = whole.replaceAll('\n', '\r\n');
    const json = JSON.stringify(whole).slice(1, -1);
    const forms = [whole, crlf, json, json.replaceAll('/', '\\/'), encodeURIComponent(whole)];
    const base64 = Buffer.from(whole).toString('base64');
    for (const form of [...forms, base64, base64.replaceAll(/.{7}/g, '$&\n')])
      expect(masked(`<${form}>`, value)).toBe('<***>');
    for (const form of [whole, crlf]) expect(masked(`<${form}>`, crlf)).toBe('<***>');
  });

  test('of several lines hide nothing of other texts of the same form', () => {
    const value = '{\n    "type": "account",\n    "keys": {\n        "one": "s3cr3t-s3cr3t"\n        }\n}';
    const other = '{\n    "type": "other",\n    "keys": [\n        {}\n        }\n}';
    expect(masked(other, value)).toBe(other);
    expect(redactorOf(value).guard()?.push(Buffer.from(other))).toBeNull();
    expect(masked('"one": "s3cr3t-s3cr3t"', value)).toBe('***');
  });

  test('with bytes that look like white space keep their characters', () => {
    expect(masked('wie schön à', 'erste Zeile à\nzweite Zeile')).toBe('wie schön à');
    expect(masked('[erste Zeile à]', 'erste Zeile à\nzweite Zeile')).toBe('[***]');
  });

  test('of many lines are found whole, in parts and in base64, and cost little memory', () => {
    const value = Array.from({ length: 160 }, (_, line) =>
      createHash('sha512').update(`${line}`).digest('base64').slice(0, 64),
    ).join('\n');
    const redactor = redactorOf(value);
    const forms = [value, value.slice(65, 129), Buffer.from(value).toString('base64')];
    for (const form of forms) expect(redactor.text(`<${form}>`)).toBe('<***>');
    const { plain, base64 } = patternsOf([secret(value)]);
    const bytes = [plain, base64]
      .map((patterns) => buildAutomaton(patterns))
      .flatMap(({ child, label, failure, open, ending }) => [child, label, failure, open, ending])
      .reduce((sum, { byteLength }) => sum + byteLength, 0);
    expect(bytes).toBeLessThan(400 * value.length);
  });
});

describe('escapes', () => {
  test('of JSON in either case, with and without \\/', () => {
    const value = 'a/b<é\u0001>c&d';
    for (const escaped of [
      'a\\/b\\u003c\\u00e9\\u0001\\u003ec\\u0026d',
      'a/b\\u003C\\u00E9\\u0001\\u003Ec\\u0026d',
    ])
      expect(masked(`"${escaped}"`, value)).toBe('"***"');
  });

  test('of shells', () => {
    const value = `it's $5 "now"\n\tor\\never`;
    const forms = [
      `'it'\\''s $5 "now"\n\tor\\never'`,
      `"it's \\$5 \\"now\\"\n\tor\\\\never"`,
      `$'it\\'s $5 "now"\\n\\tor\\\\never'`,
    ];
    for (const form of forms) {
      const quote = form.at(-1) ?? '';
      expect(masked(form, value)).toBe(`${form.startsWith('$') ? '$' : ''}${quote}***${quote}`);
    }
  });

  test('base64 that is indented line by line is not found whole', () => {
    const base64 = Buffer.from('a-secret-of-some-length').toString('base64');
    const indented = `  ${base64.slice(0, 16)}\n  ${base64.slice(16)}`;
    expect(masked(indented, 'a-secret-of-some-length')).toBe(indented);
  });
});

describe('the guard', () => {
  test.each([64, 76])('finds a value in the middle of base64 in lines of %i', (width) => {
    for (const end of ['\n', '\r\n'])
      for (let before = 30; before < 90; before++) {
        const bytes = Buffer.from(`${'.'.repeat(before)}a-secret-of-some-length${'.'.repeat(50)}`);
        const text = bytes.toString('base64').replaceAll(new RegExp(`.{${width}}`, 'g'), `$&${end}`);
        const guard = createRedactor([secret('a-secret-of-some-length')]).guard();
        guard?.push(Buffer.from(text.slice(0, 70)));
        guard?.push(Buffer.from(text.slice(70)));
        expect(guard?.end()?.secret).toBe('S');
      }
  });
});
