// Text and secrets → what masking must make of it, found the slow way: every place is compared with every pattern.
import { patternsOf } from '../../../../src/report/redact/patterns.ts';
import type { SecretValue } from '../../../../src/contract/redactor.ts';

export const secret = (value: string, options: { name?: string; guard?: boolean } = {}): SecretValue => ({
  name: options.name ?? 'S',
  value: Buffer.from(value),
  guard: options.guard ?? true,
});

interface Place {
  readonly start: number;
  readonly end: number;
  readonly guarded: boolean;
}

/** Of values and their lines alone. */
const rawPlaces = (text: string, { value, guard }: SecretValue): Place[] => {
  const whole = Buffer.from(value)
    .toString('latin1')
    .replace(/^[\r\n]+|[\r\n]+$/g, '');
  const all = whole.split(/[\r\n]+/);
  const lines = all.length === 1 ? [] : all.map((line) => line.trim()).filter((line) => line.length >= 8);
  const unix = whole.replaceAll('\r\n', '\n');
  const others = whole.length < 4 ? [] : [unix, unix.replaceAll('\n', '\r\n'), ...lines];
  const needles = whole.trim() === '' ? [] : [whole, ...others];
  const guarded = guard && whole.length >= 8;
  return [...new Set(needles)].flatMap((needle) => {
    const found: Place[] = [];
    for (let start = text.indexOf(needle); start >= 0; start = text.indexOf(needle, start + 1)) {
      const end = start + needle.length;
      const alone = !/[\w\x80-\xff]/.test((text[start - 1] ?? ' ') + (text[end] ?? ' '));
      if (whole.length >= 4 || alone) found.push({ start, end, guarded });
    }
    return found;
  });
};

/** Of every form there is. */
const formPlaces = (text: string, secrets: readonly SecretValue[]): Place[] => {
  const { plain, base64 } = patternsOf(secrets);
  const places: Place[] = [];
  for (const { bytes, guarded } of plain) {
    const needle = Buffer.from(bytes).toString('latin1');
    for (let start = 0; start < text.length; start++)
      if (text.startsWith(needle, start)) places.push({ start, end: start + needle.length, guarded });
  }
  for (const { bytes, guarded } of base64) {
    const broken = new RegExp(
      Buffer.from(bytes)
        .toString('latin1')
        .split('')
        .map((char) => (char === '+' ? '\\+' : char))
        .join('(?:\\r?\\n)?'),
      'y',
    );
    for (let start = 0; start < text.length; start++) {
      broken.lastIndex = start;
      if (broken.test(text)) places.push({ start, end: broken.lastIndex, guarded });
    }
  }
  return places;
};

/** `text` has one character for each byte. */
export const slowly = (
  text: string,
  secrets: readonly SecretValue[],
): { readonly masked: string; readonly leak: boolean; readonly leaks: readonly number[] } => {
  const places = [...secrets.flatMap((one) => rawPlaces(text, one)), ...formPlaces(text, secrets)];
  const hidden = new Set(
    places.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, index) => start + index)),
  );
  const masked = text
    .split('')
    .map((char, at) => (!hidden.has(at) ? char : hidden.has(at - 1) ? '' : '***'))
    .join('');
  const guarded = places.filter((place) => place.guarded);
  const firstEnd = Math.min(...guarded.map(({ end }) => end));
  return {
    masked,
    leak: guarded.length > 0,
    leaks: guarded.filter(({ end }) => end === firstEnd).map(({ start }) => start),
  };
};
