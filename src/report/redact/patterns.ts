// Secrets → the byte sequences that give them away, and what people should know about those that hide badly.
import type { SecretValue } from '../../contract/redactor.ts';
import { escapedForms } from './escapes.ts';

export interface Pattern {
  readonly bytes: Uint8Array;
  /** Name of the secret. */
  readonly secret: string;
  readonly guarded: boolean;
}

export interface Patterns {
  /** To be found as they are. */
  readonly plain: readonly Pattern[];
  /** Values of 1 to 3 bytes: to be found where they stand alone. */
  readonly short: readonly Pattern[];
  /** Base64 in both of its alphabets: to be found broken over lines too. */
  readonly base64: readonly Pattern[];
}

const shortestAnywhere = 4;
const shortestGuarded = 8;
const shortestForm = 8;

/** Lines around a PEM block are public knowledge, and are in many a file that holds no secret. */
const armour = /^-----(BEGIN|END) [A-Z0-9 ]+-----$/;

/** A value without the line ends around it: files and commands end with one, and a log should keep its lines. */
const core = (value: Uint8Array): Buffer =>
  Buffer.from(
    Buffer.from(value)
      .toString('latin1')
      .replace(/^[\r\n]+|[\r\n]+$/g, ''),
    'latin1',
  );

/** Of bytes: `trim` would take half of a character away. */
const trimmed = (line: string): string => line.replace(/^[\t ]+|[\t ]+$/g, '');

interface Parts {
  /** Lines that give something away, without the white space around them. */
  readonly lines: readonly Buffer[];
  /** From each of them into the next, and what lies before the first and behind the last: together they cover the value. */
  readonly joints: readonly Buffer[];
}

/** Each way to escape a value takes a branch of the automaton as long as the value; lines are in it anyway, so the rest is found by its ends. */
const partsOf = (value: Buffer): Parts => {
  const all = [...value.toString('latin1').matchAll(/[^\r\n]+/g)];
  const lines = all
    .map(({ 0: line, index }) => ({ line: trimmed(line), start: index + line.search(/[^\t ]|$/) }))
    .filter(({ line }) => line.length >= shortestForm && !armour.test(line));
  const [first] = lines;
  if (!first || all.length === 1 || value.includes(0)) return { lines: [], joints: [value] };
  const ends = lines.slice(1).map(({ start }) => afterCharacters(value, start + shortestForm));
  const joints = lines.map(({ start }, index) => value.subarray(start, ends[index]));
  return {
    lines: lines.map(({ line }) => Buffer.from(line, 'latin1')),
    joints: [value.subarray(0, first.start + first.line.length), ...joints],
  };
};

/** No character of UTF-8 is cut here. */
const afterCharacters = (value: Buffer, from: number): number => {
  let end = from;
  while (((value[end] ?? 0) & 0xc0) === 0x80) end++;
  return end;
};

const withEitherLineEnd = (value: Buffer): Buffer[] => {
  const unix = value.toString('latin1').replaceAll('\r\n', '\n');
  return [unix, unix.replaceAll('\n', '\r\n')].map((other) => Buffer.from(other, 'latin1'));
};

/**
 * What base64 makes of the bytes behind 0, 1 or 2 bytes of something else: the characters that no neighbour can change,
 * and the same up to the end where nothing, or one newline, follows.
 */
const base64Forms = (bytes: Buffer): Buffer[] =>
  [0, 1, 2].flatMap((before) => {
    const first = Math.ceil((before * 8) / 6);
    const sure = Math.floor(((before + bytes.length) * 8) / 6) - first;
    const followedBy = (after: string) =>
      Buffer.concat([Buffer.alloc(before), bytes, Buffer.from(after)])
        .toString('base64')
        .slice(first);
    const ends = [followedBy(''), followedBy('\n')];
    return [followedBy('').slice(0, sure), ...ends, ...ends.map((end) => end.replace(/=+$/, ''))]
      .flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')])
      .map((form) => Buffer.from(form, 'latin1'));
  });

/** A value of nothing but white space has no patterns. */
export const isMasked = ({ value }: SecretValue): boolean =>
  value.some((byte) => !' \t\r\n'.includes(String.fromCharCode(byte)));

export const isGuarded = (secret: SecretValue): boolean =>
  secret.guard && isMasked(secret) && core(secret.value).length >= shortestGuarded;

/** What people should know: how it is not masked, or not guarded. */
export const warningsOf = (secret: SecretValue): string[] => {
  const { name, value, guard } = secret;
  if (!isMasked(secret))
    return value.length === 0 ? [] : [`secret ${name} is nothing but white space: it is not masked`];
  const { length } = core(value);
  const few = (count: number) => `secret ${name} has fewer than ${count} bytes: `;
  const unguarded = guard ? ', and not looked for in what is kept or published' : '';
  if (length < shortestAnywhere)
    return [`${few(shortestAnywhere)}it is masked only where it stands alone${unguarded}`];
  return length < shortestGuarded && guard
    ? [`${few(shortestGuarded)}it is masked, but not looked for in what is kept or published`]
    : [];
};

/** The patterns of all secrets, each once for a secret. */
export const patternsOf = (secrets: readonly SecretValue[]): Patterns => {
  const plain: Pattern[] = [];
  const short: Pattern[] = [];
  const base64: Pattern[] = [];
  const longEnough = (forms: Buffer[]) => forms.filter((form) => form.length >= shortestForm);
  for (const secret of secrets.filter(isMasked)) {
    const guarded = isGuarded(secret);
    const add = (to: Pattern[], all: readonly Buffer[]) => {
      const once = new Map(all.map((bytes) => [bytes.toString('latin1'), bytes]));
      for (const bytes of once.values()) to.push({ bytes, secret: secret.name, guarded });
    };
    const whole = core(secret.value);
    const { lines, joints } = partsOf(whole);
    const parts = [...lines, ...joints];
    const escaped = longEnough(parts.flatMap(escapedForms));
    if (whole.length < shortestAnywhere) {
      add(short, [whole]);
      add(plain, escaped);
    } else add(plain, [...parts, ...joints.flatMap(withEitherLineEnd), ...escaped]);
    add(base64, longEnough([whole, ...lines].flatMap(base64Forms)));
  }
  return { plain, short, base64 };
};
