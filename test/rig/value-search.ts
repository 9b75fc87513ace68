// Secrets' values → where any of their forms lies: in bytes, in folders, in what is packed in them. An oracle of its own: slow, and nothing of ours.
import { readFileSync, readlinkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip, createZstdDecompress } from 'node:zlib';

export interface ValueSearch {
  /** What was found, each as `VALUE (form) in where`. */
  bytes(where: string, bytes: Uint8Array | string): Promise<string[]>;
  /** All names, link targets and contents below it. `skip`: paths in it that are left out. */
  folder(path: string, skip?: readonly string[]): Promise<string[]>;
}

interface Form {
  readonly name: string;
  readonly text: string;
  /** May be broken over lines. */
  readonly breaks: boolean;
}

/** A packed part in a packed part in a file. */
const deepest = 3;
/** What is larger is searched, but not for packed parts. */
const largestPacked = 32 << 20;

export function searchFor(values: Readonly<Record<string, string>>): ValueSearch {
  const forms = Object.entries(values).flatMap(([name, value]) => formsOf(name, value));
  const find = (where: string, content: Buffer): string[] => {
    const text = content.toString('latin1');
    const joined = text.replace(/[\r\n]/g, '');
    return forms
      .filter((form) => text.includes(form.text) || (form.breaks && joined.includes(form.text)))
      .map(({ name }) => `${name} in ${where}`);
  };
  const bytes: ValueSearch['bytes'] = async (where, content) => {
    const found = new Set<string>();
    for (const part of await partsOf(Buffer.from(content)))
      for (const hit of find(where, part)) found.add(hit);
    return [...found];
  };
  const folder: ValueSearch['folder'] = async (path, skip = []) => {
    const found: string[] = [];
    for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
      const place = join(entry.parentPath, entry.name);
      if (skip.some((one) => place === join(path, one))) continue;
      found.push(...find(`the name ${place}`, Buffer.from(entry.name)));
      if (entry.isSymbolicLink()) found.push(...find(place, Buffer.from(readlinkSync(place))));
      if (entry.isFile()) found.push(...(await bytes(place, readFileSync(place))));
    }
    return found;
  };
  return { bytes, folder };
}

/** Those that docs/secrets.md lists. */
function formsOf(name: string, value: string): Form[] {
  const lines = value.split('\n').filter((line) => line.length >= 8 && !line.startsWith('-----'));
  return [...new Set([value.trimEnd(), ...lines])].flatMap((text) => {
    const form = (kind: string, written: string, breaks = false): Form => ({
      name: `${name} (${kind})`,
      text: Buffer.from(written).toString('latin1'),
      breaks,
    });
    const percent = encodeURIComponent(text);
    return [
      form('raw', text),
      form('percent', percent),
      form(
        'percent',
        percent.replace(/%../g, (code) => code.toLowerCase()),
      ),
      form('JSON', JSON.stringify(text).slice(1, -1)),
      form('shell', text.replaceAll("'", "'\\''")),
      ...(['base64', 'base64url'] as const).flatMap((encoding) =>
        [0, 1, 2].map((before) => {
          // Without the characters that neighbours decide.
          const encoded = Buffer.concat([Buffer.alloc(before), Buffer.from(text)]).toString(encoding);
          return form(encoding, encoded.replace(/=+$/, '').slice(before === 0 ? 0 : before + 1, -1), true);
        }),
      ),
    ];
  });
}

/** The bytes, and what lies in them as zstd, gzip or base64. */
async function partsOf(bytes: Buffer, depth = 0): Promise<Buffer[]> {
  if (depth === deepest || bytes.length > largestPacked) return [bytes];
  const inner = [
    ...(await Promise.all(
      placesOf(bytes, '28b52ffd').map((at) => unpacked(bytes.subarray(at), createZstdDecompress())),
    )),
    ...(await Promise.all(
      placesOf(bytes, '1f8b08').map((at) => unpacked(bytes.subarray(at), createGunzip())),
    )),
    ...[...bytes.toString('latin1').matchAll(/[A-Za-z0-9+/]{16,}/g)].map(([run]) =>
      Buffer.from(run, 'base64'),
    ),
  ].filter(({ length }) => length > 0);
  return [bytes, ...(await Promise.all(inner.map((part) => partsOf(part, depth + 1)))).flat()];
}

function placesOf(bytes: Buffer, hex: string): number[] {
  const mark = Buffer.from(hex, 'hex');
  const places: number[] = [];
  for (let at = bytes.indexOf(mark); at >= 0; at = bytes.indexOf(mark, at + 1)) places.push(at);
  return places;
}

/** As far as it goes: something else may follow. */
async function unpacked(
  bytes: Buffer,
  stream: ReturnType<typeof createGunzip> | ReturnType<typeof createZstdDecompress>,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  await new Promise((resolve) => {
    stream.on('error', resolve).on('end', resolve);
    stream.end(bytes);
  });
  return Buffer.concat(chunks);
}
