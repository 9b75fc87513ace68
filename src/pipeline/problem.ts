// One diagnostic of severity error, at a stretch of the file.
import type { Diagnostic, DiagnosticCode } from '../model/diagnostic.ts';
import type { Span } from './source.ts';

export function problem(
  { file }: { readonly file: string },
  { offset, length }: Span,
  code: DiagnosticCode,
  message: string,
  hint?: string,
): Diagnostic {
  const location = { file, offset, length };
  return { severity: 'error', code, message, location, ...(hint !== undefined && { hint }) };
}
