import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createLogLines, fromByteText } from '../../../src/report/log-lines.ts';

function lines(chunks: readonly (string | Uint8Array)[], color = false): string {
  const stream = createLogLines({ color });
  return fromByteText(chunks.map((chunk) => stream.push(Buffer.from(chunk))).join('') + stream.end());
}

test.each([
  ['text as it is', ['a\tb\nc\n'], 'a\tb\nc\n'],
  ['an unfinished line gets its newline at the end', ['a\nb'], 'a\nb\n'],
  ['a character cut by a chunk', [Buffer.from([0xe6, 0x97]), Buffer.from([0xa5, 0x0a])], '日\n'],
  ['NUL and invalid UTF-8', [Buffer.from([0x61, 0, 0xff, 0x0a])], 'a\ufffd\ufffd\n'],
  ['CRLF', ['a\r\nb\r\n'], 'a\nb\n'],
  ['CRLF cut by a chunk', ['a\r', '\nb\n', '\nc\n'], 'a\nb\n\nc\n'],
  ['a progress bar', ['10%\r20%\r', '30%\n'], '10%\n20%\n30%\n'],
  ['a progress bar that starts with its return', ['\r10%', '\r20%\n'], '10%\n20%\n'],
  ['a progress bar that erases its line', ['\x1b[2K\r10%\x1b[2K\r20%\n'], '10%\n20%\n'],
  ['colours', ['\x1b[1;31mred\x1b[0m\n'], 'red\n'],
  ['text that is to be concealed', ['\x1b[8mha:x\x1b[0m\n'], 'ha:x\n'],
  ['cursor, screen and private modes', ['a\x1b[2J\x1b[H\x1b[?25lb\x1b[1A\n'], 'ab\n'],
  [
    'titles, links and the clipboard',
    ['\x1b]0;evil\x07a\x1b]8;;http://x\x1b\\b\x1b]52;c;QQ==\x07\n'],
    'ab\n',
  ],
  ['a title without an end', ['\x1b]0;evil\nnext\n'], '\nnext\n'],
  ['8-bit controls', ['a\x9b2Jb\x9d0;evil\x9cc\n'], 'abc\n'],
  ['other escapes and lone controls', ['\x1bc\x1b(B\x1b\x07a\b\x7f\n'], 'a\n'],
  ['an escape cut by a chunk', ['a\x1b[3', '1mb\n'], 'ab\n'],
])('%s', (_what, chunks, expected) => expect(lines(chunks)).toBe(expected));

test('with colour only colours pass, and none is left on at the end of a line', () => {
  expect(lines(['\x1b[8mha:x\x1b[32my\n'], true)).toBe('ha:x\x1b[32my\x1b[0m\n');
  expect(lines(['\x1b[31mred\nnext\x1b[2J\n\x1b[32mok\x1b[0m\n'], true)).toBe(
    '\x1b[31mred\x1b[0m\nnext\n\x1b[32mok\x1b[0m\n',
  );
});

test('megabytes of one character that means something do not take forever', () => {
  const many = 1_000_000;
  expect(lines(['\r'.repeat(many)])).toBe('');
  expect(lines([`a${'\r'.repeat(many)}b\n`])).toBe('a\nb\n');
  expect(lines(['\n'.repeat(many)])).toHaveLength(many);
  expect(lines(['\x1b['.repeat(many)], true)).toBe('');
  expect(lines([`\x1b[${'1;'.repeat(many)}`])).toContain('1;1;');
  expect(lines([`\x1b[0m${'\u2028'.repeat(many)}`], true)).toContain('\u2028');
});

test('a line is shown as soon as it ends, a part of one is held back', () => {
  const stream = createLogLines({ color: false });
  expect(stream.push(Buffer.from('a\nb'))).toBe('a\n');
  expect(stream.push(Buffer.from('c'))).toBe('');
  expect(stream.push(Buffer.from('1%\r'))).toBe('bc1%\n');
  expect(stream.end()).toBe('');
});

test('what is held back does not change when the sender reuses its buffer', () => {
  const stream = createLogLines({ color: false });
  const buffer = Buffer.from('abc');
  stream.push(buffer);
  buffer.fill('x');
  expect(stream.end()).toBe('abc\n');
});

test.each([64, 1000, 65_536, 1_000_000])(
  'a long line in chunks of %i bytes is split and loses nothing',
  (size) => {
    const text = 'äx日'.repeat(100_000);
    const bytes = Buffer.from(text);
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) =>
      bytes.subarray(i * size, (i + 1) * size),
    );
    const shown = lines([...chunks, '\nshort\n']);
    expect(shown.replaceAll('\n', '') === `${text}short`).toBe(true);
    expect(Math.max(...shown.split('\n').map((line) => Buffer.byteLength(line)))).toBeLessThanOrEqual(65_536);
    expect(shown.endsWith('short\n')).toBe(true);
  },
);

test('how the bytes are cut into chunks makes no difference', () => {
  const piece = fc
    .constantFrom('a', 'é', '日', '\n', '\r', '\r\n', '\0', '\t')
    .map((text) => Buffer.from(text));
  const bytes = fc
    .array(fc.oneof(piece, fc.constant(Buffer.from([0xe2]))), { maxLength: 40 })
    .map((all) => Buffer.concat(all));
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(80), { maxLength: 6 }), (all, cuts) => {
      const at = [0, ...cuts.filter((cut) => cut < all.length).sort((a, b) => a - b), all.length];
      expect(lines(at.slice(1).map((end, i) => all.subarray(at[i], end)))).toBe(lines([all]));
    }),
  );
});

test('whatever comes, out come whole lines of valid text without controls', () => {
  const noise = fc.array(
    fc.oneof(
      fc.uint8Array({ maxLength: 30 }),
      fc.constantFrom('\x1b', '\x1b[', '\x1b]', '\xc2\x9b', '\r').map((text) => Buffer.from(text, 'latin1')),
    ),
  );
  fc.assert(
    fc.property(noise, (chunks) => {
      const shown = lines(chunks);
      expect(shown).toMatch(/^(?:[^\p{Cc}]|\t|\n)*$/u);
      expect(shown === '' || shown.endsWith('\n')).toBe(true);
    }),
  );
});
