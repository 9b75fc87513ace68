// What a step writes → the same without secrets, each of its two streams by itself.
import type { Redactor } from '../src/contract/redactor.ts';
import type { StepOutput } from '../src/contract/sandbox.ts';

export interface MaskedLog {
  readonly write: StepOutput;
  /** What was held back as the possible beginning of a secret. */
  readonly end: () => Promise<void>;
}

export function maskLog(redactor: Redactor, write: StepOutput): MaskedLog {
  const streams = { stdout: redactor.stream(), stderr: redactor.stream() };
  const pass: StepOutput = (stream, chunk) => (chunk.length === 0 ? undefined : write(stream, chunk));
  return {
    write: (stream, chunk) => pass(stream, streams[stream].push(chunk)),
    end: async () => {
      await pass('stdout', streams.stdout.end());
      await pass('stderr', streams.stderr.end());
    },
  };
}
