// Masking and the guard against the slow reference: alphabets that make patterns begin everywhere, chunks cut anywhere.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { SecretValue } from '../../../../src/contract/redactor.ts';
import { createRedactor } from '../../../../src/report/redact/redactor.ts';
import { slowly } from './reference.ts';

const latin1 = (bytes: Uint8Array) => Buffer.from(bytes).toString('latin1');

/** Cuts a text where the widths say, over and over. */
const cut = (text: string, widths: readonly number[]): Buffer[] => {
  const bytes = Buffer.from(text, 'latin1');
  const chunks: Buffer[] = [];
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const width = widths[turn % widths.length] ?? 1;
    chunks.push(Buffer.from(bytes.subarray(at, at + width)));
    at += width;
  }
  return chunks;
};

const masked = (secrets: readonly SecretValue[], chunks: readonly Buffer[]): string => {
  const stream = createRedactor(secrets).stream();
  const out = chunks.map((chunk) => {
    const passed = latin1(stream.push(chunk));
    chunk.fill(0); // a chunk belongs to its giver again once the next one comes
    return passed;
  });
  return out.join('') + latin1(stream.end());
};

const expectAsSlowly = (secrets: readonly SecretValue[], text: string, widths: readonly number[]) => {
  const slow = slowly(text, secrets);
  expect(masked(secrets, cut(text, [text.length || 1]))).toBe(slow.masked);
  expect(masked(secrets, cut(text, widths))).toBe(slow.masked);
  const guard = createRedactor(secrets).guard();
  let leak = null;
  for (const chunk of guard ? cut(text, widths) : []) leak ??= guard?.push(chunk) ?? null;
  leak ??= guard?.end() ?? null;
  expect(leak !== null).toBe(slow.leak);
  if (leak) expect(slow.leaks).toContain(leak.offset);
};

const widths = fc.oneof(
  fc.constant([1]),
  fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 6 }),
);

const secretsOf = (letters: readonly string[], maxLength: number, minLength = 1) =>
  fc.array(
    fc.record({
      name: fc.constantFrom('A', 'B', 'C'),
      value: fc
        .string({ unit: fc.constantFrom(...letters), minLength, maxLength })
        .map((value): Uint8Array => Buffer.from(value, 'latin1')),
      guard: fc.boolean(),
    }),
    { maxLength: 5 },
  );

const textOf = (letters: readonly string[], maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...letters), maxLength });

describe.each([
  ['one letter', ['a'], 12],
  ['two letters', ['a', 'b'], 10],
  ['three letters', ['a', 'b', 'c'], 6],
  ['the mask itself', ['*', 'a', '\n'], 12],
  ['ends of lines', ['a', '\n', '\r'], 24],
  ['what is no word', ['a', '-', ' '], 6],
  ['what is escaped', ['a', '\\', '"', "'", '%', '/', 'n'], 10],
  ['bytes beyond ASCII', ['\xc3', '\xa9', 'a'], 10],
])('%s', (_, letters, longest) => {
  test('is masked as it is slowly', () => {
    fc.assert(fc.property(secretsOf(letters, longest), textOf(letters, 60), widths, expectAsSlowly), {
      numRuns: 100,
    });
  });
});

test('long values that contain each other, in long text', () => {
  const letters = ['a', 'b'];
  fc.assert(
    fc.property(
      secretsOf(letters, 40, 8),
      fc.array(fc.oneof(textOf(letters, 10), textOf(['x', 'y', 'z', '\n'], 30)), { maxLength: 20 }),
      widths,
      (secrets, parts, cuts) => {
        const values = secrets.map(({ value }) => latin1(value));
        const text = parts
          .flatMap((part, index) => [part, values[index % (values.length || 1)] ?? ''])
          .join('');
        expectAsSlowly(secrets, text, cuts);
      },
    ),
    { numRuns: 100 },
  );
});

/** Pieces of secrets' forms among each other, so that near misses are many. */
const formsIn = (secrets: readonly SecretValue[], picks: readonly [number, number, number][]): string =>
  picks
    .map(([which, form, length]) => {
      const value = Buffer.from(secrets[which % (secrets.length || 1)]?.value ?? []);
      const forms = [
        value.toString('base64'),
        Buffer.concat([Buffer.from('u:'), value]).toString('base64url'),
        Buffer.concat([Buffer.from('u'), value, value]).toString('base64'),
        encodeURIComponent(value.toString('latin1')),
        JSON.stringify(value.toString('latin1')),
        value.toString('latin1'),
      ];
      const text = forms[form % forms.length] ?? '';
      return text.slice(0, length < 10 ? text.length - length : undefined);
    })
    .join('');

const anyBytes = ['a', 'b', '?', '\xff', '\n', '"', ' ', '~'];
const picks = fc.array(fc.tuple(fc.nat(5), fc.nat(5), fc.nat(20)), { maxLength: 6 });

test('encoded forms', () => {
  fc.assert(
    fc.property(secretsOf(anyBytes, 16, 3), picks, widths, (secrets, chosen, cuts) => {
      expectAsSlowly(secrets, formsIn(secrets, chosen), cuts);
    }),
    { numRuns: 100 },
  );
});

const wrapped = (text: string, width: number, end: string) =>
  text.replaceAll(new RegExp(`.{1,${width}}`, 'gs'), `$&${end}`);

test('base64 broken over lines, whole and in chunks', () => {
  const broken = fc.record({
    value: fc.uint8Array({ minLength: 8, maxLength: 60 }),
    before: fc.uint8Array({ maxLength: 40 }),
    after: fc.uint8Array({ maxLength: 40 }),
    width: fc.integer({ min: 1, max: 80 }),
    end: fc.constantFrom('\n', '\r\n'),
    encoding: fc.constantFrom('base64', 'base64url'),
  });
  fc.assert(
    fc.property(broken, widths, ({ value, before, after, width, end, encoding }, cuts) => {
      const secrets = [{ name: 'S', value, guard: true }];
      fc.pre(createRedactor(secrets).warnings.length === 0);
      const text = wrapped(Buffer.concat([before, value, after]).toString(encoding), width, end);
      const slow = slowly(text, secrets);
      expect(slow.masked).toContain('***');
      expect(masked(secrets, [Buffer.from(text)])).toBe(slow.masked);
      // In chunks up to two characters before the end of a line are passed on rather than held.
      const inChunks = masked(secrets, cut(text, cuts));
      const shown = (out: string) => out.replaceAll(/[\r\n]/g, '').length;
      expect(shown(inChunks) - shown(slow.masked)).toBeLessThanOrEqual(2);
      expect(shown(inChunks)).toBeGreaterThanOrEqual(shown(slow.masked));
    }),
    { numRuns: 100 },
  );
});
