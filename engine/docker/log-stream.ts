// The engine's framed byte stream → pieces of stdout and stderr, and the marks that our shells write between them.
import type { LogStream } from '../../src/model/event.ts';

export interface Frame {
  readonly stream: LogStream;
  readonly bytes: Buffer;
}

/**
 * Takes apart the stream of an attach or exec without a terminal: frames of an 8 byte header (stream number, length)
 * and that many bytes. Bytes are passed on as they come, a frame is never gathered, nothing is copied.
 * https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
 */
export class FrameReader {
  readonly #header = Buffer.alloc(8);
  #filled = 0;
  #left = 0;
  #stream: LogStream = 'stdout';

  *push(chunk: Buffer): Generator<Frame> {
    for (let at = 0; at < chunk.length;) {
      if (this.#left > 0) {
        const bytes = chunk.subarray(at, at + this.#left);
        at += bytes.length;
        this.#left -= bytes.length;
        yield { stream: this.#stream, bytes };
      } else {
        const copied = chunk.copy(this.#header, this.#filled, at);
        at += copied;
        this.#filled += copied;
        if (this.#filled < 8) return;
        this.#filled = 0;
        this.#stream = this.#header[0] === 2 ? 'stderr' : 'stdout';
        this.#left = this.#header.readUInt32BE(4);
      }
    }
  }
}

/** What a marked stream holds: bytes of a program, or a line of ours. */
export type Piece = { readonly bytes: Buffer } | { readonly mark: string };

/** The byte that a mark begins with; nothing else in a mark may hold it. */
export const markStart = '\x1e';

/**
 * Finds the lines `<marker> <text>\n` in a stream of any bytes, wherever chunks end. Only bytes that may be the start
 * of a marker are held back, at most one marker's length.
 */
export class MarkReader {
  readonly #marker: Buffer;
  #held: Buffer = Buffer.alloc(0);
  #inMark = false;

  /** `marker` begins with `markStart`. */
  constructor(marker: string) {
    this.#marker = Buffer.from(marker);
  }

  push(chunk: Buffer): Piece[] {
    let rest = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk;
    const pieces: Piece[] = [];
    for (;;) {
      const end = this.#inMark ? rest.indexOf(0x0a) : rest.indexOf(this.#marker);
      if (end < 0) break;
      const found = rest.subarray(0, end);
      if (this.#inMark) pieces.push({ mark: found.toString('latin1').trim() });
      else if (end > 0) pieces.push({ bytes: found });
      rest = rest.subarray(end + (this.#inMark ? 1 : this.#marker.length));
      this.#inMark = !this.#inMark;
    }
    const keep = this.#inMark ? rest.length : this.#partialMarker(rest);
    if (keep < rest.length) pieces.push({ bytes: rest.subarray(0, rest.length - keep) });
    // A copy: what is held must not keep a whole chunk alive.
    this.#held = Buffer.from(rest.subarray(rest.length - keep));
    return pieces;
  }

  /** The bytes held back, once nothing can follow them. */
  end(): Buffer {
    return this.#inMark ? Buffer.alloc(0) : this.#held;
  }

  #partialMarker(bytes: Buffer): number {
    const start = bytes.lastIndexOf(this.#marker.subarray(0, 1));
    if (start < 0) return 0;
    const tail = bytes.subarray(start);
    return tail.length < this.#marker.length && this.#marker.subarray(0, tail.length).equals(tail)
      ? tail.length
      : 0;
  }
}
