// `lockstep plan`: what a run would do, as text or JSON; starts nothing.
import { findPipelineFile } from '../compose/pipeline-file.ts';
import { preparePlan, previewOf } from '../compose/plan.ts';
import { renderPlan } from '../report/plan.ts';
import { selectionOf, type SelectionOptions } from './options.ts';
import { asWarnings, showDiagnostics, showFailure, stdoutColor } from './show.ts';

export interface PlanOptions extends SelectionOptions {
  readonly json?: boolean;
}

export async function planCommand(jobs: readonly string[], options: PlanOptions): Promise<number> {
  const file = findPipelineFile(process.cwd(), options.file);
  if (!file.ok) return showFailure(file.failure);
  const planned = await preparePlan(file.value, selectionOf(jobs, options), process.env, 'plan');
  if (!planned.ok) return showFailure(planned.failure);
  const { plan, diagnostics } = planned.value;
  const shown = [...diagnostics, ...asWarnings(planned.value.notYet)];
  const bad = showDiagnostics(shown, new Map([[file.value.name, file.value.text]]));
  if (bad || !plan) return 2;
  const preview = previewOf(plan);
  process.stdout.write(
    options.json ? `${JSON.stringify(preview, null, 2)}\n` : renderPlan(preview, { color: stdoutColor() }),
  );
  return 0;
}
