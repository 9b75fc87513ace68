// Secrets' values → bytes that hold none of them. This comment and those below are the specification; see 3-execution, "Masking".

export interface SecretValue {
  readonly name: string;
  readonly value: Uint8Array;
  /** False: masked, but not looked for by the leak guard. */
  readonly guard: boolean;
}

export interface Redactor {
  /** What people should know: values too short to be masked anywhere but as whole tokens, or to be guarded. Names only. */
  readonly warnings: readonly string[];
  /** One for each stream of bytes of a step: matches are found across its chunks, never across two streams. */
  stream(): RedactedStream;
  /** A text that is whole: a message, an output, a summary, a name. */
  readonly text: (text: string) => string;
  /** Null when there is nothing to guard. One for each file or value. */
  guard(): Guard | null;
}

export interface RedactedStream {
  /** What can be passed on now: all but what may be the beginning of a match. */
  push(chunk: Uint8Array): Uint8Array;
  /** What was held back. */
  end(): Uint8Array;
}

/** Looks for secrets in bytes that are to be kept or published. */
export interface Guard {
  /** The first one found so far, and at which byte it begins. */
  push(chunk: Uint8Array): Leak | null;
  /** After the last byte. */
  end(): Leak | null;
}

export interface Leak {
  /** Name of the secret. */
  readonly secret: string;
  readonly offset: number;
}
