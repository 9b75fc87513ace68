// What is about to be published or kept → the first secret in it.
import { createReadStream } from 'node:fs';
import type { Leak, Redactor } from '../src/contract/redactor.ts';
import { fail, type Failure } from '../src/model/failure.ts';
import { diskPath, encodePath } from '../src/model/path-bytes.ts';
import type { TreeEntry } from '../src/model/tree.ts';
import { archiveContents, isArchive } from './archive-contents.ts';
import type { TarStream } from './archive.ts';
import { readTar } from './tar-reader.ts';

/** `where`: which file, for people. */
export interface FileLeak extends Leak {
  readonly where: string;
}

export function findLeak(redactor: Redactor, bytes: Uint8Array): Leak | null {
  const guard = redactor.guard();
  return guard === null ? null : (guard.push(bytes) ?? guard.end());
}

/** What steps and jobs give besides files: names and values of outputs, and a summary. */
export function findLeakInTexts(
  redactor: Redactor,
  outputs: Readonly<Record<string, string>>,
  summary = '',
): FileLeak | null {
  const texts = [
    ...Object.entries(outputs).flatMap(([name, text]) => [
      ['the name of an output', name] as const,
      [`output ${name}`, text] as const,
    ]),
    ['summary', summary] as const,
  ];
  for (const [where, text] of texts) {
    const leak = findLeak(redactor, Buffer.from(text));
    if (leak !== null) return { ...leak, where };
  }
  return null;
}

/** In names, link targets and contents of a tree that lies in `folder`, and in what its archives hold. */
export async function findLeakInTree(
  redactor: Redactor,
  folder: string,
  entries: readonly TreeEntry[],
): Promise<FileLeak | null> {
  if (redactor.guard() === null) return null;
  for (const entry of entries) {
    const leak =
      entry.type === 'file'
        ? await findLeakOnDisk(redactor, folder, entry.path)
        : await findLeakInFile(redactor, entry.path, entry.type === 'link' ? entry.target : '', none);
    if (leak !== null) return leak;
  }
  return null;
}

async function findLeakOnDisk(redactor: Redactor, folder: string, path: string): Promise<FileLeak | null> {
  const place = diskPath(folder, path);
  let head: Uint8Array = Buffer.alloc(0);
  const content = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of createReadStream(place, { highWaterMark: 1 << 20 }) as AsyncIterable<Buffer>) {
      if (head.length === 0) head = chunk.subarray(0, 4);
      yield chunk;
    }
  };
  const leak = await findLeakInFile(redactor, path, '', content());
  if (!isArchive(head)) return leak;
  for await (const file of archiveContents(place, path)) {
    const inner = await findLeakInFile(redactor, file.name, '', file.content);
    // Also of what the file itself shows, an archive's entry stored as it is: the name within says more.
    if (inner !== null) return { ...inner, where: `${path}: ${inner.where}` };
  }
  return leak;
}

/**
 * The same of the entries of a tar whose names stand below the folder `parent` (ends with `/`). Rejects with what the stream
 * rejects with, and for a tar that is broken.
 */
export async function findLeakInTar(
  redactor: Redactor,
  tar: TarStream,
  parent: string,
): Promise<FileLeak | null> {
  for await (const item of readTar(tar)) {
    if (item.type === 'broken') throw new Error(item.message);
    const leak = await findLeakInFile(redactor, parent + item.name, item.target, item.content);
    if (leak !== null) return leak;
  }
  return null;
}

const none: readonly Uint8Array[] = [];

async function findLeakInFile(
  redactor: Redactor,
  path: string,
  target: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<FileLeak | null> {
  const named = findLeak(redactor, encodePath(path));
  if (named !== null) return { ...named, where: 'the name of a file' };
  const linked = findLeak(redactor, encodePath(target));
  if (linked !== null) return { ...linked, where: path };
  const guard = redactor.guard();
  if (guard === null) return null;
  for await (const chunk of content) {
    const leak = guard.push(chunk);
    if (leak !== null) return { ...leak, where: path };
  }
  const leak = guard.end();
  return leak && { ...leak, where: path };
}

export const leakFailure = ({ secret, offset }: Leak, where: string): Failure =>
  fail('pipeline', 'secret-in-artifact', `${where} holds the secret ${secret}, at byte ${offset}`, {
    hint: 'nothing of it is published; keep the value out of what the job leaves, or declare it with `guard: false`',
  }).failure;

/** No `allow-failure` covers it, and trying again does not help. */
export const isLeak = (failure: Failure | undefined): boolean => failure?.code === 'secret-in-artifact';
