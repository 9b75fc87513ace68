// What a user or the world can cause, as a value: collected and shown, never thrown.

/** Whose fault it is, which decides the exit code: 2 for `usage`, 3 for `environment`; `pipeline` fails a job. */
export type FailureKind = 'usage' | 'environment' | 'pipeline';

export interface Failure {
  readonly kind: FailureKind;
  /** Stable, kebab-case, e.g. `image-not-found`. */
  readonly code: string;
  /** One sentence: what happened. */
  readonly message: string;
  /** What to do next. */
  readonly hint?: string;
  /** What the layer below said, for the curious. */
  readonly cause?: string;
}

export type Outcome<T> =
  { readonly ok: true; readonly value: T } | { readonly ok: false; readonly failure: Failure };

export const ok = <T>(value: T): Outcome<T> => ({ ok: true, value });

export const fail = (
  kind: FailureKind,
  code: string,
  message: string,
  more: { readonly hint?: string; readonly cause?: string } = {},
): { readonly ok: false; readonly failure: Failure } => ({
  ok: false,
  failure: { kind, code, message, ...more },
});
