// What all commands say the same way: diagnostics and failures on stderr, and the exit code they mean.
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Failure } from '../model/failure.ts';
import { renderDiagnostics, renderFailure } from '../report/diagnostics.ts';
import { wantsColor } from '../report/style.ts';

const colorOn = (stream: NodeJS.WriteStream): boolean =>
  wantsColor({ environment: process.env, isTTY: stream.isTTY });

/** Prints them and says whether one is an error. */
export function showDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
): boolean {
  if (diagnostics.length > 0) {
    process.stderr.write(renderDiagnostics(diagnostics, sources, { color: colorOn(process.stderr) }));
  }
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

export const asWarnings = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] =>
  diagnostics.map((diagnostic) => ({ ...diagnostic, severity: 'warning' }));

/** Prints it; 2 for bad usage, 3 for the environment, 1 for the pipeline. */
export function showFailure(failure: Failure): number {
  process.stderr.write(renderFailure(failure, { color: colorOn(process.stderr) }));
  return failureExitCode(failure);
}

export function failureExitCode(failure: Failure): number {
  switch (failure.kind) {
    case 'pipeline':
      return 1;
    case 'usage':
      return 2;
    case 'environment':
      return 3;
  }
}

export const stdoutColor = (): boolean => colorOn(process.stdout);
