// A problem in a file the user wrote. Lines and columns are worked out from the offset only when it is shown.

/** Stable codes; docs/errors.md explains each. */
export type DiagnosticCode =
  | 'invalid-yaml'
  | 'unknown-key'
  | 'wrong-type'
  | 'missing-key'
  | 'unknown-job'
  | 'dependency-cycle'
  | 'self-dependency'
  | 'duplicate-key'
  | 'duplicate-step-id'
  | 'unknown-secret'
  | 'secret-file-for-service'
  | 'secret-name'
  | 'unknown-cache'
  | 'unknown-param'
  | 'param-value'
  | 'missing-image'
  | 'empty-matrix'
  | 'matrix-too-large'
  | 'invalid-expression'
  | 'unknown-context'
  | 'unknown-variable'
  | 'expression-in-script'
  | 'expression-not-allowed'
  | 'volatile-in-reusable-job'
  | 'git-in-reusable-job'
  | 'invalid-glob'
  | 'path-outside-workspace'
  | 'artifact-conflict'
  | 'invalid-duration'
  | 'invalid-size'
  | 'invalid-image'
  | 'invalid-name'
  | 'unknown-artifact'
  | 'late-services'
  | 'unsupported-version'
  | 'unknown-output'
  | 'anchor-bomb'
  | 'file-too-large'
  | 'unused-cache'
  | 'unused-secret'
  | 'unmatched-inputs'
  | 'invalid-lock-file'
  | 'image-not-locked'
  | 'reuse-unknown'
  | 'not-yet';

/** A stretch of a file: UTF-16 offsets into its text. */
export interface Location {
  readonly file: string;
  readonly offset: number;
  readonly length: number;
}

export interface Diagnostic {
  readonly severity: 'error' | 'warning';
  readonly code: DiagnosticCode;
  readonly message: string;
  /** Absent where there is no place in a file, e.g. for a `--param`. */
  readonly location?: Location;
  /** What to do next, e.g. `did you mean 'needs'?`. */
  readonly hint?: string;
  readonly related?: readonly { readonly message: string; readonly location: Location }[];
}
