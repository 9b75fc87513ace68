// A YAML document → its text, in which every reader sees the same lines.
import { visit, type Document } from 'yaml';

/** Ends a line in YAML 1.1, or is not allowed there: in YAML 1.2 these are letters as any other, also in a comment. */
const odd = /[^\t\n\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\u{10000}-\u{10ffff}]/gu;

/** Platforms read YAML 1.1 more or less: there a line that a comment holds must not become one of its own. */
export function yamlText(document: Document, options: Parameters<Document['toString']>[0]): string {
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value === 'string' && node.value.search(odd) >= 0) node.type = 'QUOTE_DOUBLE';
    },
  });
  return document
    .toString(options)
    .replace(odd, (mark) => `\\u${mark.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
