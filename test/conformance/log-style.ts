// What every log style must do, as src/contract/log-style.ts says it. `read`: how the platform reads the log of a step.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { LogStyle } from '../../src/contract/log-style.ts';
import { createLogLines } from '../../src/report/log-lines.ts';

export interface LogStyleUnderTest {
  /** The platform has no folds: their titles are lines. */
  readonly foldless?: true;
  readonly style: LogStyle;
  readonly read: (log: string) => LogReading;
}

export interface LogReading {
  /** Titles of all folds, in the order they began. */
  readonly folds: readonly string[];
  /** Of them those that have no end. */
  readonly open: readonly string[];
  /** Annotations, whatever they say. */
  readonly annotations: number;
  /** Values that it will mask from here on. */
  readonly masks: readonly string[];
  /** Whatever else it heeded. */
  readonly heeded: readonly string[];
  /** What people see. */
  readonly shown: string;
}

/** What platforms obey, and what their marks are made of. */
const hostile = [
  ...[
    '::error::x',
    '::group::x',
    '::endgroup::',
    '::add-mask::a',
    '::stop-commands::t',
    '::t::',
    '##[group]x',
  ],
  ...[
    'section_start:1:x\r\x1b[0Kx',
    'section_end:1:x\r\x1b[0K',
    '\x1b[0K',
    '\x1b[31mred\x1b[0m',
    '\x1b',
    '\r',
    '\x1b]0;x',
    '\x1b[8mha:x',
    '\x1b[8m',
  ],
  ...['::', ' ', '\t', '%0A', '::error::', 'a', 'é', '\u{1f600}', '\u2028', '[collapsed=true]'],
];
const words = fc
  .array(fc.oneof(fc.constantFrom(...hostile), fc.string({ maxLength: 4 })), { maxLength: 8 })
  .map((pieces) => pieces.join(''));
const title = words.map((text) => text.replaceAll('\n', ''));

const nothing = { folds: [], open: [], annotations: 0, masks: [], heeded: [] };

export function logStyleContract(name: string, create: () => LogStyleUnderTest): void {
  describe(`log style: ${name}`, () => {
    const { foldless = false } = create();
    /** Of a log with folds of these titles. */
    const folded = <T>(titles: T): T | readonly never[] => (foldless ? [] : titles);
    const isWhole = (text: string): boolean => text === '' || text.endsWith('\n');

    test('of our own lines the platform obeys nothing, whatever names they hold', () => {
      fc.assert(
        fc.property(fc.array(words), (lines) => {
          const { style, read } = create();
          const said = style.say(lines.map((line) => `${line}\n`).join(''));
          expect(isWhole(said)).toBe(true);
          expect(read(said)).toMatchObject(nothing);
        }),
      );
    });

    test('plain lines and colours are said as they are', () => {
      const { style } = create();
      const plain = 'a: \x1b[32mok\x1b[0m\n\n  ✓ test::unit — 100 %\n';
      expect(style.say(plain)).toBe(plain);
    });

    test('a fold has its title, whatever that is, and ends where it is closed', () => {
      fc.assert(
        fc.property(title, fc.boolean(), (text, closed) => {
          const { style, read } = create();
          const opened = style.open(text, 1_700_000_000_000, closed);
          expect(isWhole(opened)).toBe(true);
          expect(read(opened)).toMatchObject({
            ...nothing,
            folds: folded([expect.any(String)]),
            open: folded([expect.any(String)]),
          });
          const ended = `${opened}inside\n${style.close(1_700_000_001_000)}`;
          expect(isWhole(ended)).toBe(true);
          expect(read(ended)).toMatchObject({ ...nothing, folds: folded([expect.any(String)]) });
        }),
      );
    });

    test('titles are shown', () => {
      const { style, read } = create();
      const titles = ['build: make all', 'é 100 %, a:b'];
      const { folds, shown } = read(titles.map((text) => style.open(text, 0) + style.close(1)).join(''));
      expect(folds).toEqual(folded(titles));
      if (foldless) expect(shown).toBe(`${titles.join('\n')}\n`);
    });

    test('folds lie in each other where it says so, and the last one that was opened ends first', () => {
      const { style, read } = create();
      if (!style.nests) return;
      const log = [style.open('job', 0), style.open('step', 0), style.close(0), style.open('next', 0)];
      expect(read(log.join(''))).toMatchObject({
        ...nothing,
        folds: ['job', 'step', 'next'],
        open: ['job', 'next'],
      });
      expect(read([...log, style.close(0), style.close(0)].join('')).open).toEqual([]);
    });

    test('of what a step writes nothing is obeyed, and what comes after it is', () => {
      fc.assert(
        fc.property(fc.array(fc.oneof(words, fc.uint8Array())), (chunks) => {
          const { style, read } = create();
          const lines = createLogLines({ color: true });
          const written = chunks.map((chunk) =>
            lines.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk),
          );
          const shown = Buffer.from(written.join('') + lines.end(), 'latin1').toString();
          const { before, after } = style.fence();
          const log = `${style.open('step', 0)}${before}${shown}${after}${style.close(1)}`;
          expect([isWhole(before), isWhole(after)]).toEqual([true, true]);
          expect(read(log)).toMatchObject({ ...nothing, folds: folded(['step']) });
          expect(read(log + style.open('next', 2)).folds).toEqual(folded(['step', 'next']));
        }),
      );
    });

    test('an annotation is one, or nothing, whatever it says', () => {
      fc.assert(
        fc.property(words, words, title, (text, message, file) => {
          const { style, read } = create();
          const annotated = style.annotate({ level: 'error', title: text, message, file, line: 1 });
          expect(isWhole(annotated)).toBe(true);
          expect(read(annotated)).toMatchObject({ ...nothing, annotations: annotated === '' ? 0 : 1 });
        }),
      );
    });

    test('a value that is to be masked is not shown for it, and every line of it is masked', () => {
      const { style, read } = create();
      const text = style.mask('first line\nsecond::line%0A');
      const reading = read(text);
      expect(isWhole(text)).toBe(true);
      expect(reading.shown).not.toContain('line');
      expect(reading).toMatchObject({
        ...nothing,
        masks: text === '' ? [] : ['first line', 'second::line%0A'],
      });
    });
  });
}
