import { expect, test } from 'vitest';
import { Document, parse } from 'yaml';
import { yamlText } from '../../../providers/shared/yaml-text.ts';

// The first four end a line for who reads YAML 1.1, and so would make the rest of a comment a part of the file.
test.each(['\x85', '\u2028', '\u2029', '\r', '\0', '\x7f', '\x80', '\ufeff', '\ufffe'])(
  '%j is in a text and never in the file',
  (mark) => {
    const content = {
      [`a${mark}key`]: [`plain${mark}evil: 1`, `'quoted${mark}`, `two${mark}\nlines "\n`, 'other 😀 ü'],
    };
    const document = new Document(content);
    document.commentBefore = ` made by${mark}evil: 1`;
    const text = yamlText(document, { lineWidth: 0, singleQuote: true });
    expect(text).not.toContain(mark);
    expect(text).toContain('other 😀 ü');
    expect(text.split('\n')[0]).toMatch(/^# made by/);
    expect(parse(text)).toEqual(content);
  },
);
