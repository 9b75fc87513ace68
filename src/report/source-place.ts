// The text of a test's failure → the file and line in the workspace that it speaks of.
import { posix } from 'node:path';

interface SourcePlace {
  readonly file: string;
  readonly line?: number;
}

const extensions =
  '(?:[cm]?[jt]sx?|py|rb|php|go|rs|java|kts?|scala|groovy|clj|cs|fs|vb|swift|dart|exs?|erl|lua|pl|sh|bats|cc?|cpp|cxx|hpp?|mm?|vue|svelte|feature)';
const path = '[\\w@./+~\\\\-]{1,300}';
// `src/a.ts:12`, `src/a.ts:12:3`, `A.java:12`, `a.py", line 12`, `A.cs:line 12`. The look-behind keeps it linear.
const places = new RegExp(
  `(?<![\\w@./+~\\\\-])(?:file://)?((?:[A-Za-z]:(?=[\\\\/]))?${path}\\.${extensions})(?::(?:line )?|", line )(\\d{1,7})(?!\\w)`,
  'g',
);
const sourceFile = new RegExp(`^${path}\\.${extensions}$`);
const foreign = /(?:^|\/)(?:node_modules|site-packages|dist-packages|vendor|internal|gems)\//;
const SEARCHED = 16 * 1024;

/**
 * `file` and `line` are what the report's attributes say; the line of that file in the text is better (pytest counts
 * attributes from 0, and they mean the test, not the assertion). With no file: a place whose name is in `className`,
 * else the first that is not a library's.
 */
export function findPlace(
  text: string,
  said: {
    readonly file?: string | undefined;
    readonly line?: number | undefined;
    readonly className: string;
  },
): SourcePlace | undefined {
  const found = Array.from(text.slice(0, SEARCHED).matchAll(places), ([, name = '', line]) => ({
    file: insideWorkspace(name),
    line: Number(line),
  })).flatMap(({ file, line }) => (file === undefined ? [] : [{ file, line }]));
  const file = said.file === undefined ? undefined : insideWorkspace(said.file);
  if (file !== undefined) {
    const line = found.find((place) => place.file === file)?.line ?? said.line;
    return line === undefined ? { file } : { file, line };
  }
  const words = new Set(said.className.split(/[^\w-]+/));
  return (
    found.find((place) => words.has(stem(place.file))) ?? found.find((place) => !foreign.test(place.file))
  );
}

export const looksLikeSourceFile = (text: string): boolean => sourceFile.test(text);

const workspace = '/work/';
const outside = /^(?:\.\.?(?:\/|$)|\/|[A-Za-z]:|$)/;

/** Relative to the workspace; undefined for what lies outside. What has only backslashes is a path of Windows. */
function insideWorkspace(file: string): string | undefined {
  if (file.length > 1000) return undefined;
  const slashed = file.includes('/') ? file : file.replaceAll('\\', '/');
  const plain = posix.normalize(slashed.replace(/^file:\/\//, ''));
  const inside = plain.startsWith(workspace) ? plain.slice(workspace.length) : plain;
  return outside.test(inside) ? undefined : inside;
}

const stem = (file: string): string => (file.split('/').at(-1) ?? '').replace(/\.\w+$/, '');
