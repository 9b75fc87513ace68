import fc from 'fast-check';
import { expect, test } from 'vitest';
import { FrameReader, MarkReader, type Piece, markStart } from '../../../../engine/docker/log-stream.ts';

const marker = `${markStart}${'0123456789abcdef'.repeat(2)}`;

const frame = (stream: 1 | 2, bytes: Buffer): Buffer => {
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
};

/** Cuts the bytes at the given places. */
const cut = (bytes: Buffer, places: readonly number[]): Buffer[] => {
  const at = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end));
};

/** Pieces with neighbouring bytes joined: how chunks were cut does not matter. */
const joined = (pieces: readonly Piece[]): (string | { mark: string })[] => {
  const all: (string | { mark: string })[] = [];
  for (const piece of pieces) {
    const last = all.at(-1);
    if ('mark' in piece) all.push(piece);
    else if (typeof last === 'string') all[all.length - 1] = last + piece.bytes.toString('latin1');
    else all.push(piece.bytes.toString('latin1'));
  }
  return all;
};

const places = fc.array(fc.nat(), { maxLength: 12 });

test('frames come out whole wherever chunks end', () => {
  const frames = fc.array(
    fc.record({ stream: fc.constantFrom<1 | 2>(1, 2), bytes: fc.uint8Array({ maxLength: 40 }) }),
  );
  fc.assert(
    fc.property(frames, places, (list, at) => {
      const reader = new FrameReader();
      const seen = { stdout: '', stderr: '' };
      const wire = Buffer.concat(list.map(({ stream, bytes }) => frame(stream, Buffer.from(bytes))));
      for (const chunk of cut(wire, at)) {
        for (const { stream, bytes } of reader.push(chunk)) seen[stream] += bytes.toString('latin1');
      }
      const expected = (wanted: 1 | 2): string =>
        list
          .map(({ stream, bytes }) => (stream === wanted ? Buffer.from(bytes).toString('latin1') : ''))
          .join('');
      expect(seen).toEqual({ stdout: expected(1), stderr: expected(2) });
    }),
  );
});

test('marks are found, and every other byte comes through, wherever chunks end', () => {
  // Bytes that are likely to look like the start of a marker.
  const part = fc.oneof(
    fc.record({ mark: fc.stringMatching(/^[a-z]+ \d+$/) }),
    fc.oneof(
      fc.constantFrom(marker.slice(0, 5), marker.slice(0, -1), markStart, '\n'),
      fc.string({ unit: 'binary-ascii', maxLength: 9 }),
    ),
  );
  fc.assert(
    fc.property(fc.array(part), places, (parts, at) => {
      const text = parts.map((one) => (typeof one === 'string' ? one : `${marker} ${one.mark}\n`)).join('');
      const expected: (string | { mark: string })[] = [];
      for (const one of parts.filter((each) => each !== '')) {
        const last = expected.at(-1);
        if (typeof one === 'string' && typeof last === 'string') expected[expected.length - 1] = last + one;
        else expected.push(one);
      }
      // All but the end of a marker, and by chance its end.
      fc.pre(!expected.some((one) => typeof one === 'string' && one.includes(marker)));
      const reader = new MarkReader(marker);
      const pieces = cut(Buffer.from(text, 'latin1'), at).flatMap((chunk) => reader.push(chunk));
      const held = reader.end();
      expect(joined(held.length > 0 ? [...pieces, { bytes: held }] : pieces)).toEqual(expected);
    }),
  );
});

test('bytes that cannot be a mark are passed on at once', () => {
  const reader = new MarkReader(marker);
  expect(joined(reader.push(Buffer.from('prompt> ')))).toEqual(['prompt> ']);
  expect(joined(reader.push(Buffer.from(`a${marker.slice(0, 9)}`)))).toEqual(['a']);
  expect(joined(reader.push(Buffer.from('x')))).toEqual([`${marker.slice(0, 9)}x`]);
  expect(reader.end()).toHaveLength(0);
});
