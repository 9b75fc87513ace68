// What a test report says, whatever format it came in.

export interface FailedTest {
  /** Suite and test name as people know them. */
  readonly name: string;
  readonly message: string;
  /** Relative to the workspace, where the report says. */
  readonly file?: string;
  readonly line?: number;
}

export interface TestReport {
  readonly tests: number;
  readonly failed: number;
  readonly skipped: number;
  readonly durationMs: number;
  readonly failures: readonly FailedTest[];
}

/** Lines covered and lines that could be. */
export interface Coverage {
  readonly covered: number;
  readonly lines: number;
}
