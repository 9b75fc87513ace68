import { expect, test } from 'vitest';
import { codeSpan, escapeMarkdown } from '../../../src/report/markdown.ts';
import { formatBytes, formatCount, formatDuration, formatShare } from '../../../src/report/quantity.ts';
import { renderTable } from '../../../src/report/table.ts';
import { visible, visibleLines } from '../../../src/report/visible.ts';
import { fit, pad, textWidth } from '../../../src/report/width.ts';

test.each([
  ['plain [node=22] ünï 日本', 'plain [node=22] ünï 日本'],
  ['a\nb\tc\r', 'a\\nb\\tc\\r'],
  ['\x1b[2J\x07\x9b', '\\x1b[2J\\x07\\x9b'],
  ['user\u202egnp.exe', 'user\\u{202e}gnp.exe'],
  ['\ud800', '\\u{d800}'],
])('visible(%j)', (text, expected) => expect(visible(text)).toBe(expected));

test('visibleLines keeps the lines of a text', () => {
  expect(visibleLines('a\r\n\tb\x1b\n\n')).toEqual(['a', '    b\\x1b']);
});

test.each([
  ['abc', 3],
  ['日本', 4],
  ['e\u0301', 1],
  ['\x1b[31mred\x1b[39m', 3],
  ['👩‍👩‍👧', 2],
  ['🇩🇪', 2],
  ['✓', 1],
  ['한글', 4],
])('textWidth(%j) is %j', (text, width) => expect(textWidth(text)).toBe(width));

test('fit cuts by columns and says so', () => {
  expect(fit('abcdefghij', 10)).toBe('abcdefghij');
  expect(fit('abcdefghijk', 10)).toBe('abcdefg...');
  expect(fit('abcdefghijk', 10, 'end')).toBe('...efghijk');
  expect(fit('日本日本日本', 10)).toBe('日本日...');
  expect(textWidth(fit('x'.repeat(5_000_000), 80))).toBe(80);
});

test('pad counts columns, not code units', () => {
  expect(pad('日本', 6)).toBe('日本  ');
  expect(pad('7', 3, 'right')).toBe('  7');
});

test('a table is aligned whatever its cells hold', () => {
  const lines = renderTable(
    [{ title: 'job' }, { title: 'time', align: 'right' }, { title: 'note' }],
    [
      ['日本', '\x1b[32m1.0s\x1b[39m', ''],
      ['test[node=22]', '12.0s', 'x'],
    ],
  );
  expect(lines).toEqual([
    'job             time  note',
    '日本            \x1b[32m1.0s\x1b[39m',
    'test[node=22]  12.0s  x',
  ]);
});

test.each([
  [0, '0.0s'],
  [420, '0.4s'],
  [12_340, '12.3s'],
  [59_940, '59.9s'],
  [59_960, '1m 00s'],
  [192_000, '3m 12s'],
  [3_599_600, '1h 00m'],
  [3_720_000, '1h 02m'],
  [-5, '0.0s'],
])('formatDuration(%j) is %s', (ms, text) => expect(formatDuration(ms)).toBe(text));

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [1_048_575, '1.0 MiB'],
  [5 * 1024 ** 5, '5120.0 TiB'],
])('formatBytes(%j) is %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

test('counts and shares', () => {
  expect([formatCount(1, 'job'), formatCount(0, 'job')]).toEqual(['1 job', '0 jobs']);
  expect([formatShare(999, 1000), formatShare(9999, 10000), formatShare(0, 0)]).toEqual([
    '99.9%',
    '99.9%',
    '-',
  ]);
});

test('Markdown of hostile names stays text', () => {
  expect(escapeMarkdown('<b>|[x](y)`\n@me')).toBe(
    '&#60;b&#62;&#124;&#91;x&#93;&#40;y&#41;&#96;&#92;n&#64;me',
  );
  expect(codeSpan('npm test')).toBe('`npm test`');
  expect(codeSpan('echo `date`')).toBe('`` echo `date` ``');
  expect(codeSpan('a | <b>')).toBe('<code>a &#124; &#60;b&#62;</code>');
});
