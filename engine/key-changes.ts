// The parts of two keys → what differs between them, in words that people use.
import type { Change } from '../src/model/foresight.ts';
import { canonicalJson, type JsonObject, type JsonValue } from '../src/model/json.ts';
import type { KeyParts } from '../src/model/record.ts';
import type { FileLine } from './file-list.ts';

/** Of one link: without what came before it, and without its files, of which only a digest stands there. */
export function partChanges(before: KeyParts, now: KeyParts): Change[] {
  if (before.runs === now.runs) return memberChanges([], own(before), own(now));
  // Of a step that its `if` skips no more is known.
  return [{ what: ['if'], change: 'changed', before: before.runs === true, now: now.runs === true }];
}

const own = (parts: KeyParts): JsonObject =>
  Object.fromEntries(Object.entries(parts).filter(([name]) => !['of', 'before', 'files'].includes(name)));

/** Lists of names, maybe each with a word about it, where one more or less is what there is to tell. */
const nameLists = new Set(['secrets', 'caches']);

function memberChanges(what: readonly string[], before: JsonObject, now: JsonObject): Change[] {
  const names = new Set([...Object.keys(before), ...Object.keys(now)]);
  return [...names].flatMap((name) => {
    const [was, is] = [before[name], now[name]];
    const inner = [...what, wordFor(name, is ?? was)];
    return nameLists.has(name) && isList(was) && isList(is)
      ? memberChanges(inner, asMembers(was), asMembers(is))
      : valueChanges(inner, was, is);
  });
}

function valueChanges(
  what: readonly string[],
  before: JsonValue | undefined,
  now: JsonValue | undefined,
): Change[] {
  if (before === undefined) return [{ what, change: 'added', ...told('now', what, now) }];
  if (now === undefined) return [{ what, change: 'removed', ...told('before', what, before) }];
  if (canonicalJson(before) === canonicalJson(now)) return [];
  if (isObject(before) && isObject(now)) return memberChanges(what, before, now);
  if (what[0] === 'finally' && isList(before) && isList(now)) {
    return memberChanges(what, asPlaces(before), asPlaces(now));
  }
  return [{ what, change: 'changed', ...told('before', what, before), ...told('now', what, now) }];
}

function wordFor(name: string, value: JsonValue | undefined): string {
  switch (name) {
    case 'secrets':
    case 'caches':
    case 'artifacts':
    case 'outputs':
    case 'reports':
      return name.slice(0, -1);
    case 'services':
      return typeof value === 'boolean' ? name : 'service';
    case 'format':
      return 'key format';
    default:
      return name;
  }
}

/** What only a digest is kept of is not told, images aside; of an output that leaves its expression. */
function told(
  when: 'before' | 'now',
  what: readonly string[],
  value: JsonValue | undefined,
): { readonly before?: JsonValue; readonly now?: JsonValue } {
  const plain = what[0] === 'output' && isList(value) ? value[0] : value;
  if (plain === undefined || plain === '' || isObject(plain) || (isDigest(plain) && what.at(-1) !== 'image'))
    return {};
  return { [when]: plain };
}

const isDigest = (value: JsonValue): boolean =>
  typeof value === 'string' && /^sha256:[0-9a-f]{64}$/.test(value);
const isList = (value: JsonValue | undefined): value is readonly JsonValue[] => Array.isArray(value);
const isObject = (value: JsonValue | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !isList(value);
const asMembers = (names: readonly JsonValue[]): JsonObject =>
  Object.fromEntries(
    names.map((entry) => {
      const [name, word = ''] = isList(entry) ? entry : [entry];
      return [typeof name === 'string' ? name : canonicalJson(entry), word];
    }),
  );
const asPlaces = (values: readonly JsonValue[]): JsonObject =>
  Object.fromEntries(values.map((value, index) => [String(index + 1), value]));

/** `from`: the artifact that a file of now comes from. */
export function fileChanges(
  before: readonly FileLine[],
  now: readonly FileLine[],
  from: ReadonlyMap<string, string>,
): Change[] {
  const left = new Map(before.map((line) => [line.path, line]));
  const changes = now.flatMap((line): Change[] => {
    const was = left.get(line.path);
    left.delete(line.path);
    const origin = from.get(line.path);
    const rest = { what: ['file', line.path], ...(origin !== undefined && { from: origin }) };
    if (was === undefined) return [{ ...rest, change: 'added', now: fileState(line) }];
    if (was.mode === line.mode && was.digest === line.digest) return [];
    return [{ ...rest, change: 'changed', before: fileState(was), now: fileState(line) }];
  });
  for (const [path, was] of left)
    changes.push({ what: ['file', path], change: 'removed', before: fileState(was) });
  return changes.sort((a, b) => ((a.what[1] ?? '') < (b.what[1] ?? '') ? -1 : 1));
}

const fileState = ({ mode, digest }: FileLine): JsonObject => ({ mode, digest });
