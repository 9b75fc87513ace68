// The text of `lockstep.lock` → the digest of each image reference, or what is wrong with it; and back.
import type { Diagnostic, DiagnosticCode } from '../model/diagnostic.ts';
import { imageProblem } from '../model/image-reference.ts';
import { suggestion } from './nearest-name.ts';
import type { MapNode, SourceFile, Span } from './source.ts';

/** Image references as the pipeline file has them → `sha256:…`. */
export type Pins = ReadonlyMap<string, string>;

export interface ParsedLock {
  /** Null when one of the diagnostics is an error, as all of them are. */
  readonly pins: Pins | null;
  readonly diagnostics: readonly Diagnostic[];
}

const version = 1;
const digestForm = /^sha256:[0-9a-f]{64}$/;

/** One image a line in the order of their code units, so that two branches that pin different images merge. */
export function printLock(pins: Pins): string {
  const lines = [...pins]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([reference, digest]) => `    ${JSON.stringify(reference)}: ${JSON.stringify(digest)}`);
  const images = lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}\n  }`;
  return `{\n  "version": ${version},\n  "images": ${images}\n}\n`;
}

/** Takes any layout that is JSON. Every problem is `invalid-lock-file`, but for a version that is not known yet. */
export async function parseLock(source: SourceFile): Promise<ParsedLock> {
  const text = source.text.replace(/^\uFEFF/, '');
  const json = parseJson(text);
  const asPrinted = 'value' in json ? pinsOf(json.value) : null;
  if (asPrinted !== null && printLock(asPrinted) === text) return { pins: asPrinted, diagnostics: [] };
  return parseByHand(source, json);
}

type Json = { readonly value: unknown } | { readonly why: string };

function parseJson(text: string): Json {
  try {
    return { value: JSON.parse(text) };
  } catch (error) {
    return { why: error instanceof Error ? error.message : String(error) };
  }
}

/** What hands have touched: each value with its place. JSON is YAML, whose reader knows the places. */
async function parseByHand(source: SourceFile, json: Json): Promise<ParsedLock> {
  const diagnostics: Diagnostic[] = [];
  const report = (span: Span, message: string, hint = hints.edit, code?: DiagnosticCode): void => {
    const location = { file: source.file, ...span };
    diagnostics.push({ severity: 'error', code: code ?? 'invalid-lock-file', message, location, hint });
  };
  const end = (pins: Pins): ParsedLock => ({ pins: diagnostics.length === 0 ? pins : null, diagnostics });

  const conflict = /^(?:<{7}|={7}|>{7})(?=[ \r\n]|$)/m.exec(source.text);
  if (conflict) {
    report({ offset: conflict.index, length: 7 }, 'a merge has left its conflict here', hints.merge);
    return end(new Map());
  }
  const start = { offset: 0, length: 0 };
  if (source.text.trim() === '') {
    report(start, 'the lock file is empty', hints.empty);
    return end(new Map());
  }
  const { readSource } = await import('./source.ts');
  const { root, diagnostics: problems } = readSource(source);
  if ('why' in json) {
    // What only JSON forbids stands where its parser says.
    const at = /at position (\d+)/.exec(json.why)?.[1];
    const span = at === undefined ? (problems[0]?.location ?? start) : { offset: Number(at), length: 1 };
    report(span, `the lock file is no JSON: ${json.why}`);
    return end(new Map());
  }
  for (const { message, location = { file: '', ...start } } of problems) report(location, message);
  if (root === null) return end(new Map());
  if (root.kind !== 'map') {
    report(root.span, 'expected an object with `version` and `images`');
    return end(new Map());
  }
  return end(readRoot(root, report));
}

const hints = {
  edit: 'put it right, or remove the file and run: lockstep lock',
  merge: 'keep the lines of both sides, then run: lockstep lock',
  empty: 'remove it, then run: lockstep lock',
  newer: 'a newer lockstep wrote it: use that one',
};

type Report = (span: Span, message: string, hint?: string, code?: DiagnosticCode) => void;

/** The images of what looks like a lock file. */
function pinsOf(json: unknown): Pins | null {
  if (typeof json !== 'object' || json === null || !('images' in json)) return null;
  const { images } = json;
  if (typeof images !== 'object' || images === null) return null;
  const entries = Object.entries(images);
  const fit = entries.every(
    (entry): entry is [string, string] =>
      typeof entry[1] === 'string' && digestForm.test(entry[1]) && imageProblem(entry[0]) === null,
  );
  return fit ? new Map(entries) : null;
}

function readRoot(root: MapNode, report: Report): Pins {
  const found = root.entries.get('version')?.node;
  if (found?.kind === 'scalar' && typeof found.value === 'number' && found.value > version) {
    const message = `version ${found.value} of the lock file is not known, only ${version}`;
    report(found.span, message, hints.newer, 'unsupported-version');
    return new Map();
  }
  if (found === undefined) report(root.span, '`version` is missing', `write "version": ${version}`);
  else if (found.kind !== 'scalar' || found.value !== version) {
    report(found.span, `\`version\` is ${version}`, `write "version": ${version}`);
  }
  for (const [name, { key }] of root.entries) {
    if (name === 'version' || name === 'images') continue;
    report(key, `there is no key '${name}' in a lock file`, suggestion(name, ['version', 'images']));
  }
  const images = root.entries.get('images')?.node;
  if (images?.kind === 'map') return readImages(images, report);
  if (images === undefined) report(root.span, '`images` is missing', 'write "images": {}');
  else report(images.span, '`images` is an object: references and their digests');
  return new Map();
}

function readImages(images: MapNode, report: Report): Pins {
  const pins = new Map<string, string>();
  for (const [reference, { key, node }] of images.entries) {
    const problem = imageProblem(reference);
    if (problem !== null) report(key, problem);
    if (node.kind === 'scalar' && typeof node.value === 'string' && digestForm.test(node.value)) {
      pins.set(reference, node.value);
    } else report(node.span, 'a digest is `sha256:` and 64 digits or letters from a to f');
  }
  return pins;
}
