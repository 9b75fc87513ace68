// Diagnostics and failures → text with the place, the line, a caret and what to do next.
import { stripVTControlCharacters } from 'node:util';
import type { Annotation } from '../contract/log-style.ts';
import type { Diagnostic, Location } from '../model/diagnostic.ts';
import type { Failure } from '../model/failure.ts';
import { formatCount } from './quantity.ts';
import { createPaint, type Paint } from './style.ts';
import type { Told } from './told.ts';
import { visible, visibleLines } from './visible.ts';
import { fit, textWidth } from './width.ts';

/** Columns of a source line that are shown, and how many of them may lie before the caret. */
const SHOWN = 100;
const BEFORE = 60;

/**
 * Each problem as `file:line:column: severity[code]: message`, then its line with carets, hint and related places; last a
 * line that counts. In the order of the files; what has no place comes first. Columns count UTF-16 units, as editors do.
 */
export function renderDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  options: { readonly color: boolean },
): Told[] {
  if (diagnostics.length === 0) return [];
  const paint = createPaint(options.color);
  const locate = createLocator(sources);
  const blocks = [...diagnostics].sort(byPlace).map((diagnostic) => {
    const { severity, code, message, location, hint, related = [] } = diagnostic;
    const tone = severity === 'error' ? 'red' : 'yellow';
    const place = location === undefined ? undefined : locate(location);
    const lines = [
      `${place === undefined ? '' : `${paint('bold', place.name)}: `}${paint(tone, `${severity}[${code}]`)}: ${visible(message)}`,
      ...excerpt(place, tone, paint),
      ...(hint === undefined ? [] : [`  ${paint('cyan', 'hint')}: ${visible(hint)}`]),
      ...related.flatMap((other) => {
        const there = locate(other.location);
        return [`  ${there.name}: ${visible(other.message)}`, ...excerpt(there, 'blue', paint)];
      }),
    ];
    const at = location && { file: location.file, ...(place?.line && lineOf(place.line)) };
    return asProblem(lines, '\n', { level: severity, title: code, ...at });
  });
  const errors = diagnostics.filter(({ severity }) => severity === 'error').length;
  const counts = [formatCount(errors, 'error'), formatCount(diagnostics.length - errors, 'warning')];
  const total = counts.filter((count) => !count.startsWith('0 ')).join(', ');
  return [...blocks, { text: `${total}\n` }];
}

/** The problem is what the lines say, so that it is understood where they are not shown. */
const asProblem = (lines: readonly string[], end: string, about: Omit<Annotation, 'message'>): Told => ({
  text: `${lines.join('\n')}\n${end}`,
  problem: { ...about, message: stripVTControlCharacters(lines.join('\n')) },
});

/** `error[code]: message`, then cause and hint; a cause of many lines keeps them. */
export function renderFailure(failure: Failure, options: { readonly color: boolean }): Told {
  const paint = createPaint(options.color);
  const [first = '', ...rest] = visibleLines(failure.message);
  const lines = [
    `${paint('red', `error[${failure.code}]`)}: ${first}`,
    ...rest.map((line) => `  ${line}`),
    ...labelled(paint('dim', 'cause'), failure.cause),
    ...labelled(paint('cyan', 'hint'), failure.hint),
  ];
  return asProblem(lines, '', { level: 'error', title: failure.code });
}

function labelled(label: string, text: string | undefined): string[] {
  if (text === undefined) return [];
  const [first = '', ...rest] = visibleLines(text);
  return [`  ${label}: ${first}`, ...rest.map((line) => `    ${line}`)];
}

interface Place {
  /** `file:line:column`, or the file alone when its text is not there. */
  readonly name: string;
  readonly line?: {
    readonly number: number;
    readonly column: number;
    readonly before: string;
    readonly stretch: string;
    readonly after: string;
  };
}

/** Works out lines and columns, the line starts of each file once. */
function createLocator(sources: ReadonlyMap<string, string>): (location: Location) => Place {
  const starts = new Map<string, readonly number[]>();
  return ({ file, offset, length }) => {
    const text = sources.get(file);
    if (text === undefined) return { name: visible(file) };
    const lines = starts.get(file) ?? [0, ...Array.from(text.matchAll(/\n/g), ({ index }) => index + 1)];
    starts.set(file, lines);
    const at = Math.min(Math.max(0, offset), text.length);
    const index = lines.findLastIndex((start) => start <= at);
    const start = lines[index] ?? 0;
    const next = lines[index + 1];
    const line = text.slice(start, next === undefined ? text.length : next - 1).replace(/\r$/, '');
    const column = at - start;
    return {
      name: `${visible(file)}:${index + 1}:${column + 1}`,
      line: {
        number: index + 1,
        column: column + 1,
        before: spell(line.slice(0, column)),
        // A stretch of several lines is marked up to the end of its first.
        stretch: spell(line.slice(column, column + length)),
        after: spell(line.slice(column + length)),
      },
    };
  };
}

const lineOf = ({ number, column }: NonNullable<Place['line']>): Pick<Annotation, 'line' | 'column'> => ({
  line: number,
  column,
});

const spell = (text: string): string => visible(text.replaceAll('\t', '    '));

/** The line and, below it, carets under the stretch; of a long line what is around the caret. */
function excerpt({ line }: Place = { name: '' }, tone: 'red' | 'yellow' | 'blue', paint: Paint): string[] {
  if (line === undefined) return [];
  const before = fit(line.before, BEFORE, 'end');
  const stretch = fit(line.stretch, SHOWN - BEFORE);
  const after = stretch === line.stretch ? fit(line.after, SHOWN - textWidth(before + stretch)) : '';
  const number = String(line.number).padStart(4);
  const carets = ' '.repeat(textWidth(before)) + paint(tone, '^'.repeat(Math.max(1, textWidth(stretch))));
  return [
    `${paint('dim', `${number} |`)} ${before}${stretch}${after}`.trimEnd(),
    `${paint('dim', `${' '.repeat(number.length)} |`)} ${carets}`,
  ];
}

function byPlace({ location: a }: Diagnostic, { location: b }: Diagnostic): number {
  if (a === undefined || b === undefined) return Number(b === undefined) - Number(a === undefined);
  return a.file === b.file ? a.offset - b.offset : a.file < b.file ? -1 : 1;
}
