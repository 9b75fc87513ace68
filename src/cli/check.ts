// `lockstep check`: every problem of a pipeline file, as text or JSON.
import { checkPipeline, findPipelineFile, notYetIn } from '../compose/pipeline-file.ts';
import { asWarnings, showDiagnostics, showFailure } from './show.ts';

export interface CheckOptions {
  readonly file?: string;
  readonly json?: boolean;
}

export async function checkCommand(named: string | undefined, options: CheckOptions): Promise<number> {
  const file = findPipelineFile(process.cwd(), named ?? options.file);
  if (!file.ok) return showFailure(file.failure);
  const { pipeline, diagnostics: found } = await checkPipeline(file.value, process.env);
  const diagnostics = [...found, ...asWarnings(pipeline ? notYetIn(pipeline) : [])];
  const bad = diagnostics.some((diagnostic) => diagnostic.severity === 'error');
  if (options.json) process.stdout.write(`${JSON.stringify({ ok: !bad, diagnostics }, null, 2)}\n`);
  else {
    showDiagnostics(diagnostics, new Map([[file.value.name, file.value.text]]));
    if (!bad && pipeline) process.stdout.write(`${file.value.name}: no problem found\n`);
  }
  return bad ? 2 : 0;
}
