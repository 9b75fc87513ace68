// `lockstep plan`: what a run would do, as text or JSON; starts nothing.
import { foresee } from '../compose/explain.ts';
import { findPipelineFile } from '../compose/pipeline-file.ts';
import { preparePlan, previewOf, unlockedIn } from '../compose/plan.ts';
import { locateSecrets } from '../compose/secrets.ts';
import { renderPlan } from '../report/plan.ts';
import { secretsOf, selectionOf, type SelectionOptions } from './options.ts';
import { asWarnings, showDiagnostics, showFailure, stdoutColor } from './show.ts';

export interface PlanOptions extends SelectionOptions {
  readonly engine?: string;
  readonly json?: boolean;
}

export async function planCommand(jobs: readonly string[], options: PlanOptions): Promise<number> {
  const file = findPipelineFile(process.cwd(), options.file);
  if (!file.ok) return showFailure(file.failure);
  const planned = await preparePlan(
    file.value,
    selectionOf(jobs, options, process.cwd()),
    process.env,
    'plan',
  );
  if (!planned.ok) return showFailure(planned.failure);
  const { plan, evaluator, diagnostics, lock, sources } = planned.value;
  const unlocked = plan === null ? [] : await unlockedIn(plan, lock, evaluator);
  const bad = showDiagnostics([...diagnostics, ...asWarnings(planned.value.notYet), ...unlocked], sources);
  if (bad || !plan) return 2;
  const words = secretsOf(options, process.cwd());
  const secrets = await locateSecrets(plan, file.value.root, words, process.env, planned.value.offers);
  if (!secrets.ok) return showFailure(secrets.failure);
  const foreseen = await foresee(
    file.value,
    { ...planned.value, plan },
    {
      ...{ environment: process.env, runId: `plan-${process.pid}`, secrets: secrets.value },
      ...(options.engine !== undefined && { engine: options.engine }),
    },
  );
  if (!foreseen.ok) {
    const { message, hint } = foreseen.failure;
    const why = {
      message: `what would be reused is not known: ${message}`,
      ...(hint !== undefined && { hint }),
    };
    showDiagnostics([{ severity: 'warning', code: 'reuse-unknown', ...why }], sources);
  }
  const preview = {
    ...(await previewOf({ ...planned.value, plan }, secrets.value)),
    ...(foreseen.ok && { foreseen: foreseen.value }),
  };
  process.stdout.write(
    options.json ? `${JSON.stringify(preview, null, 2)}\n` : renderPlan(preview, { color: stdoutColor() }),
  );
  return 0;
}
