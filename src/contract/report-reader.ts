// Reads test and coverage reports that a job made; their bytes come from a container and are not to be trusted.
import type { Outcome } from '../model/failure.ts';
import type { Coverage, TestReport } from '../model/test-report.ts';

/** A failure (code `invalid-report`) says what is wrong with the file; it never fails the job. */
export interface ReportReader {
  junit(xml: Uint8Array): Outcome<TestReport>;
  cobertura(xml: Uint8Array): Outcome<Coverage>;
  lcov(text: Uint8Array): Outcome<Coverage>;
}
