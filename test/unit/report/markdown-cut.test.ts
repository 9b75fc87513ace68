import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { closeMarkdown, closingBytes, cutMarkdown } from '../../../src/report/markdown-cut.ts';

describe('what is left open is closed', () => {
  test.each([
    ['a fence', 'a\n```js\ncode', 'a\n```js\ncode\n```'],
    ['a longer fence', '`````\n```\n', '`````\n```\n`````'],
    ['tildes, which backticks do not close', '~~~\n```\n', '~~~\n```\n~~~'],
    ['a comment', 'a\n<!-- b\n\nc\n', 'a\n<!-- b\n\nc\n-->'],
    ['preformatted text', '<pre>a\n\n', '<pre>a\n</pre>'],
    ['details', '<details>\n\n<details>a</details>\n', '<details>\n\n<details>a</details>\n\n</details>'],
    ['CRLF', '```\r\ncode\r\n', '```\r\ncode\r\n```'],
  ])('%s', (_what, markdown, closed) => expect(closeMarkdown(markdown)).toBe(closed));
  test.each([
    ...['```\ncode\n```\n', '```\ncode\n````  \n', '<!-- a -->\n', '<!--\n-->\n', '<PRE>a\n</pre>\n'],
    ...['`code`', '``` `not a fence', 'a ``` b', '    ```\n', '```\n<details>\n```\n', '</details>\n'],
    ...['- item\n  ```\n  code\n', '1. item\n\n   ```\n', '| a | b |\n| - | - |\n'],
  ])('%j is whole', (markdown) => expect(closeMarkdown(markdown)).toBe(markdown));
  test('a fence after a list is none of the list', () =>
    expect(closeMarkdown('- item\n\nwords\n\n```\n')).toBe('- item\n\nwords\n\n```\n```'));
});

describe('a cut', () => {
  test.each([
    ['at the end of a line', 'one\ntwo\nthree', 9, 'one\ntwo'],
    ['in one long line', 'abcdef', 4, 'abcd'],
    ['before a character', 'aäb', 2, 'a'],
    ['before a character of two units', 'a😀b', 4, 'a'],
    ['within a fence', '```\none\ntwo\n```\n', 8, '```\none\n```'],
    ['within a table, between its lines', '| a |\n| - |\n| 1 |\n| 2 |\n', 20, '| a |\n| - |\n| 1 |'],
    ['for which there is no room', 'one\ntwo\n', -3, ''],
    ['of a table down to its titles', 'x\n\n| a |\n| - |\n', 12, 'x\n'],
  ])('%s', (_what, markdown, bytes, kept) => expect(cutMarkdown(markdown, bytes)).toBe(kept));

  test('of any text has no more bytes, no half character, and nothing left open', () => {
    const piece = fc.constantFrom(
      '```',
      '~~~~',
      '\n',
      '<details>',
      '<!--',
      '| a |',
      '- x',
      'ä',
      '😀',
      '  ',
      '<pre>',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), fc.integer({ min: -20, max: 150 }), (pieces, bytes) => {
        const cut = cutMarkdown(pieces.join(''), bytes);
        expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(Math.max(0, bytes) + closingBytes);
        expect(cut).not.toContain('\ufffd');
        expect(closeMarkdown(cut)).toBe(cut);
      }),
    );
  });
});
