// `lockstep explain`: why each job or step would run or be reused, as text or JSON; starts nothing.
import { chooseExplained, foresee, jobOf } from '../compose/explain.ts';
import { findPipelineFile } from '../compose/pipeline-file.ts';
import { preparePlan } from '../compose/plan.ts';
import { locateSecrets } from '../compose/secrets.ts';
import { renderExplained, renderOverview } from '../report/explain.ts';
import { secretsOf, selectionOf } from './options.ts';
import type { PlanOptions } from './plan.ts';
import { asWarnings, showDiagnostics, showFailure, stdoutColor } from './show.ts';

/** `words`: `JOB`, `JOB.STEP`; none: every job in a line. */
export async function explainCommand(words: readonly string[], options: PlanOptions): Promise<number> {
  const file = findPipelineFile(process.cwd(), options.file);
  if (!file.ok) return showFailure(file.failure);
  const jobs = [...new Set(words.map(jobOf))];
  const planned = await preparePlan(
    file.value,
    selectionOf(jobs, options, process.cwd()),
    process.env,
    'explain',
  );
  if (!planned.ok) return showFailure(planned.failure);
  const { plan, diagnostics, notYet, sources } = planned.value;
  if (showDiagnostics([...diagnostics, ...asWarnings(notYet)], sources) || !plan) return 2;
  const { engine } = options;
  const given = secretsOf(options, process.cwd());
  const secrets = await locateSecrets(plan, file.value.root, given, process.env, planned.value.offers);
  if (!secrets.ok) return showFailure(secrets.failure);
  const foreseen = await foresee(
    file.value,
    { ...planned.value, plan },
    {
      environment: process.env,
      runId: `explain-${process.pid}`,
      secrets: secrets.value,
      ...(engine !== undefined && { engine }),
    },
  );
  if (!foreseen.ok) return showFailure(foreseen.failure);
  const explained = chooseExplained(foreseen.value, words);
  if (!explained.ok) return showFailure(explained.failure);
  const color = stdoutColor();
  const shown = words.length === 0 ? foreseen.value.map((job) => ({ ...job, asked: null })) : explained.value;
  process.stdout.write(
    options.json
      ? `${JSON.stringify({ jobs: shown }, null, 2)}\n`
      : words.length === 0
        ? renderOverview(foreseen.value, { color })
        : renderExplained(explained.value, { color }),
  );
  return 0;
}
