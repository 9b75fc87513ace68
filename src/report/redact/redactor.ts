// Secrets → the contract's redactor: streams and texts without them, and guards that tell where one is.
import type { Guard, Leak, RedactedStream, Redactor, SecretValue } from '../../contract/redactor.ts';
import { isGuarded, isMasked, patternsOf, warningsOf } from './patterns.ts';
import { buildMachine, Scanner } from './scanner.ts';
import type { Machine } from './scanner.ts';

const mask = Buffer.from('***');
const nothing = new Uint8Array();

/** The machine is built when the first byte comes: a run that prints and keeps nothing pays for none. */
export const createRedactor = (secrets: readonly SecretValue[]): Redactor => {
  const masksNothing = !secrets.some(isMasked);
  let built: Machine | undefined;
  const machine = () => (built ??= buildMachine(patternsOf(secrets)));
  const stream = () => (masksNothing ? passing : redactedStream(machine()));
  return {
    warnings: secrets.flatMap(warningsOf),
    stream,
    text: (text) => {
      if (masksNothing) return text;
      const bytes = Buffer.from(text);
      const redacted = stream();
      const released = redacted.push(bytes);
      const whole = Buffer.concat([released, redacted.end()]);
      return whole.equals(bytes) ? text : whole.toString();
    },
    guard: () => (secrets.some(isGuarded) ? guard(machine()) : null),
  };
};

const passing: RedactedStream = { push: (chunk) => chunk, end: () => nothing };

const redactedStream = (machine: Machine): RedactedStream => {
  /** What was not passed on yet, from the byte `released` on, and the places in it to be masked: in order, apart. */
  let held: Uint8Array[] = [];
  let released = 0;
  let position = 0;
  let masked: { start: number; end: number }[] = [];
  /** The last that was passed on was a mask: what touches it is one with it. */
  let afterMask = false;

  const scanner = new Scanner(machine, false, (foundStart, end) => {
    let start = foundStart;
    for (let last = masked.at(-1); last && last.end >= start; last = masked.at(-1)) {
      start = Math.min(start, last.start);
      masked.pop();
    }
    masked.push({ start, end });
  });

  const releaseUntil = (until: number): Uint8Array => {
    const [only = nothing] = held;
    const bytes = held.length === 1 ? only : Buffer.concat(held);
    const from = released;
    released = until;
    held = until === position ? [] : [Buffer.from(bytes.subarray(until - from))];
    if (masked.length === 0 && until > from) {
      afterMask = false;
      return until === position ? bytes : bytes.subarray(0, until - from);
    }
    const pieces: Uint8Array[] = [];
    let at = from;
    for (const { start, end } of masked) {
      if (start >= until) break;
      if (start > at) {
        pieces.push(bytes.subarray(at - from, start - from));
        afterMask = false;
      }
      if (!afterMask) pieces.push(mask);
      afterMask = true;
      at = Math.min(end, until);
    }
    if (at < until) {
      pieces.push(bytes.subarray(at - from, until - from));
      afterMask = false;
    }
    masked = masked.filter(({ end }) => end > until);
    return Buffer.concat(pieces);
  };

  return {
    push: (chunk) => {
      if (chunk.length === 0) return nothing;
      position += chunk.length;
      scanner.push(chunk);
      const until = Math.max(released, scanner.heldFrom());
      if (until > released) {
        held.push(chunk);
        return releaseUntil(until);
      }
      held.push(Buffer.from(chunk));
      return nothing;
    },
    end: () => {
      scanner.end();
      return releaseUntil(position);
    },
  };
};

const guard = (machine: Machine): Guard => {
  let leak: Leak | null = null;
  const scanner = new Scanner(machine, true, (offset, _, secret) => {
    if (secret !== null) leak ??= { secret, offset };
  });
  return {
    push: (chunk) => {
      if (!leak) scanner.push(chunk);
      return leak;
    },
    end: () => leak,
  };
};
