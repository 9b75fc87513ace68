// What all commands say the same way: diagnostics and failures on stderr, and the exit code they mean.
import type { Diagnostic } from '../model/diagnostic.ts';
import type { Failure } from '../model/failure.ts';
import { renderDiagnostics, renderFailure } from '../report/diagnostics.ts';
import { wantsColor } from '../report/style.ts';
import type { LogStyle } from '../report/told.ts';
import { complain } from './complain.ts';

const colorOn = (stream: NodeJS.WriteStream): boolean =>
  wantsColor({ environment: process.env, isTTY: stream.isTTY });

/** Says them, in the style of the platform's log where one is given, and whether one is an error. */
export function showDiagnostics(
  diagnostics: readonly Diagnostic[],
  sources: ReadonlyMap<string, string>,
  style?: LogStyle,
): boolean {
  if (diagnostics.length > 0) {
    complain(renderDiagnostics(diagnostics, sources, { color: colorOn(process.stderr) }), style);
  }
  return diagnostics.some((diagnostic) => diagnostic.severity === 'error');
}

export const asWarnings = (diagnostics: readonly Diagnostic[]): readonly Diagnostic[] =>
  diagnostics.map((diagnostic) => ({ ...diagnostic, severity: 'warning' }));

/** Says it; 2 for bad usage, 3 for the environment, 1 for the pipeline. */
export function showFailure(failure: Failure, style?: LogStyle): number {
  complain([renderFailure(failure, { color: colorOn(process.stderr) })], style);
  return failureExitCode(failure);
}

/** What a platform does not get from the checkout; `code`: of the command otherwise. */
export function showUnleft(failures: readonly Failure[], code: number, style?: LogStyle): number {
  for (const failure of failures) showFailure(failure, style);
  return code === 0 && failures.length > 0 ? 3 : code;
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
