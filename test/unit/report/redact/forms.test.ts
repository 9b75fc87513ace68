// The forms in which programs write a value: each is masked whole.
import { describe, expect, test } from 'vitest';
import { createRedactor } from '../../../../src/report/redact/redactor.ts';
import { secret } from './reference.ts';

const masked = (text: string, ...values: string[]) =>
  createRedactor(values.map((value) => secret(value))).text(text);

describe('forms', () => {
  const value = `p/ss w+rd'"&?=é\\$~*!(<`;
  const base64 = (before: string, after: string, encoding: 'base64' | 'base64url' = 'base64') =>
    Buffer.from(before + value + after).toString(encoding);

  test.each([
    ['encodeURIComponent', encodeURIComponent(value)],
    ['the same in lower case', encodeURIComponent(value).replaceAll(/%../g, (hex) => hex.toLowerCase())],
    ['encodeURI', encodeURI(value)],
    ['a form', new URLSearchParams({ v: value }).toString().slice(2)],
    [
      "Python's quote",
      encodeURIComponent(value)
        .replaceAll(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
        .replaceAll('%2F', '/'),
    ],
    ['every byte', Buffer.from(value).toString('hex').replaceAll(/../g, '%$&')],
    ['JSON', JSON.stringify(value).slice(1, -1)],
    ['JSON with \\/', JSON.stringify(value).slice(1, -1).replaceAll('/', '\\/')],
    ['JSON in ASCII', JSON.stringify(value).slice(1, -1).replace('é', '\\u00e9')],
    ['JSON for HTML', JSON.stringify(value).slice(1, -1).replace('&', '\\u0026').replace('<', '\\u003c')],
    ["between '", value.replaceAll("'", "'\\''")],
    ["between ' as Python does", value.replaceAll("'", `'"'"'`)],
    ['between "', value.replaceAll(/[\\"$`]/g, '\\$&')],
    ['with backslashes', `p/ss\\ w+rd\\'\\"\\&\\?=é\\\\\\$~\\*\\!\\(\\<`],
    ["bash's $'…' in a C locale", `p/ss w+rd\\'"&?=\\303\\251\\\\$~*!(<`],
    ['XML', value.replace('&', '&amp;').replace('<', '&lt;').replace('"', '&quot;').replace("'", '&apos;')],
    [
      'XML as Go writes it',
      value.replace('&', '&amp;').replace('<', '&lt;').replace('"', '&#34;').replace("'", '&#39;'),
    ],
    ['base64', base64('', '')],
    ['base64 of a line', base64('', '\n')],
    ['base64url', base64('', '', 'base64url').replaceAll('=', '')],
  ])('%s', (_, form) => {
    expect(masked(`[${form}]`, value)).toBe('[***]');
  });

  test.each([
    ['u', ''],
    ['us', 'x'],
    ['use', 'xy'],
    ['user', 'xyz'],
  ])('base64 behind %s: only characters that others have a part in are left', (before, after) => {
    for (const encoding of ['base64', 'base64url'] as const) {
      const [left = '', right = ''] = masked(base64(before, after, encoding), value).split('***');
      expect(left.length).toBe(Math.ceil((before.length * 8) / 6));
      expect(right.replaceAll('=', '').length).toBeLessThanOrEqual(Math.ceil((after.length * 8) / 6) + 1);
    }
  });

  test.each([1, 4, 20, 64, 76])('base64 in lines of %i', (width) => {
    for (const end of ['\n', '\r\n'])
      expect(masked(base64('', '').replaceAll(new RegExp(`.{${width}}(?=.)`, 'g'), `$&${end}`), value)).toBe(
        '***',
      );
  });

  test('base64 with half an end of a line in it is no base64', () => {
    expect(masked('b25lLXNl\rY3JldA==', 'one-secret')).toBe('b25lLXNl\rY3JldA==');
  });

  test('base64 of a value that is too short for it is left alone', () => {
    expect(masked('YWJj YWJjZA==', 'abc', 'abcd')).toBe('YWJj ***'); // 4 characters, and 8
  });
});
