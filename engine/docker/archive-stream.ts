// Tar streams into a container and out of the engine, that always end: cut when the engine or what they are for is gone.
import { Readable } from 'node:stream';
import { ok } from '../../src/model/failure.ts';
import { GivenUp, streamBounded } from './bounded-stream.ts';
import type { Attempt, EngineLink } from './engine-link.ts';
import { maxSmall } from './small-tar.ts';

const stallMs = 60_000;

interface Destination {
  readonly id: string;
  readonly path: string;
  /** Whether a tar as small as `maxSmall` was unpacked there without the engine. */
  readonly small?: (tar: Buffer) => Promise<boolean>;
}

/** Unpacks the tar at `path`. Rejects only with what `tar` rejects with. */
export async function sendTar(
  link: EngineLink,
  { id, path, small }: Destination,
  tar: AsyncIterable<Uint8Array>,
  signals: readonly AbortSignal[] = [],
): Promise<Attempt<void>> {
  const sent = streamBounded(tar, stallMs, [link.lost, ...signals]);
  try {
    let { chunks } = sent;
    if (small !== undefined) {
      const head = await sent.orOver(readHead(chunks, maxSmall));
      if (head.whole && (await sent.orOver(small(head.bytes)))) return ok(undefined);
      chunks = head.all;
    }
    const file = Readable.from(chunks, { objectMode: false });
    await sent.orOver(link.docker.getContainer(id).putArchive(file, { path, abortSignal: sent.over }));
    return ok(undefined);
  } catch (error) {
    if (sent.sourceError !== null) throw sent.sourceError.error;
    return error instanceof GivenUp ? { ok: false, failure: error.failure } : { ok: false, error };
  } finally {
    sent.end();
  }
}

/** Reads until it has more than `most` bytes. `all` begins with what was read. */
async function readHead(
  source: AsyncIterable<Uint8Array>,
  most: number,
): Promise<{ readonly bytes: Buffer; readonly whole: boolean; readonly all: AsyncIterable<Uint8Array> }> {
  const chunks = source[Symbol.asyncIterator]();
  const read: Uint8Array[] = [];
  let size = 0;
  let whole = false;
  while (size <= most && !whole) {
    const next = await chunks.next();
    whole = next.done === true;
    if (next.done !== true) size += read[read.push(next.value) - 1]?.length ?? 0;
  }
  const bytes = Buffer.concat(read);
  async function* all(): AsyncGenerator<Uint8Array> {
    yield bytes;
    yield* { [Symbol.asyncIterator]: () => chunks };
  }
  return { bytes, whole, all: all() };
}

/** What the engine answers as a stream; its reader gets an error when it is cut. */
export async function receive(
  link: EngineLink,
  doing: string,
  ms: number,
  request: () => Promise<NodeJS.ReadableStream>,
  signals: readonly AbortSignal[] = [],
): Promise<Attempt<Readable>> {
  const got = await link.attempt(doing, ms, request);
  if (!got.ok) return got;
  const stream = got.value;
  if (!(stream instanceof Readable)) throw new TypeError('an archive is an HTTP answer');
  const over = new AbortController();
  const cut = (): unknown =>
    stream.destroy(new Error(link.lost.aborted ? 'lost the container engine' : 'closed'));
  for (const signal of [link.lost, ...signals])
    signal.addEventListener('abort', cut, { signal: over.signal });
  stream.once('close', () => over.abort());
  return ok(stream);
}
