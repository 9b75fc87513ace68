// A pipeline's text and a scripted engine → its execution and events, within the test's own process.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { executePlan, type Execution } from '../../engine/execute-plan.ts';
import { runFolderAt } from '../../engine/run-folder.ts';
import type { Engine } from '../../src/contract/sandbox.ts';
import type { CiContext } from '../../src/model/ci-context.ts';
import type { RunEvent } from '../../src/model/event.ts';
import { ok } from '../../src/model/failure.ts';
import type { Plan } from '../../src/model/plan.ts';
import { createEvaluator } from '../../src/pipeline/evaluator.ts';
import { parsePipeline } from '../../src/pipeline/parse.ts';
import { planPipeline } from '../../src/pipeline/plan.ts';
import { createReportReader } from '../../src/report/report-reader.ts';

const context: CiContext = {
  git: {
    sha: '0123456789abcdef0123456789abcdef01234567',
    'short-sha': '0123456',
    branch: 'main',
    tag: '',
    ref: 'refs/heads/main',
    'default-branch': 'main',
    repository: 'org/app',
    timestamp: 1_700_000_000,
    dirty: false,
  },
  event: { name: 'push', 'pull-request': null },
  run: { id: 'r1', number: 1, url: '', attempt: 1 },
};

/** The plan of the whole file, which must be without errors. */
export function planOf(yaml: string): Plan {
  const parsed = parsePipeline({ file: 'lockstep.yml', text: yaml });
  const planned =
    parsed.pipeline &&
    planPipeline(parsed.pipeline, { jobs: [], matrix: {}, params: {}, context, withNeeds: true });
  if (planned?.plan) return planned.plan;
  throw new Error(JSON.stringify([...parsed.diagnostics, ...(planned?.diagnostics ?? [])], null, 2));
}

export interface InProcess {
  readonly engine: Engine;
  readonly parallel?: number;
  readonly cancel?: AbortSignal;
  readonly kill?: AbortSignal;
  readonly hear?: (event: RunEvent) => void;
}

export interface Executed extends Execution {
  readonly events: readonly RunEvent[];
  /** Per instance: its status and, where it is not a success, the reason, e.g. `skipped (needs)`. */
  readonly statuses: Readonly<Record<string, string>>;
}

export const executeText = (yaml: string, options: InProcess): Promise<Executed> =>
  executePlanned(planOf(yaml), options);

export async function executePlanned(plan: Plan, options: InProcess): Promise<Executed> {
  const root = mkdtempSync(join(tmpdir(), 'lockstep-run-'));
  const events: RunEvent[] = [];
  const never = new AbortController().signal;
  try {
    const execution = await executePlan(
      {
        plan,
        source: { root, entries: [], named: [], digest: 'sha256:0' },
        folder: runFolderAt(root, 'r1'),
        evaluator: createEvaluator(),
        reports: createReportReader,
        engine: () => Promise.resolve(ok(options.engine)),
        emit: (event) => {
          events.push(event);
          options.hear?.(event);
        },
        parallel: options.parallel ?? 2,
        pull: false,
        grace: { stopMs: 10, lateMs: null },
        cancel: options.cancel ?? never,
        kill: options.kill ?? never,
        now: Date.now,
      },
      new Map(),
    );
    const statuses = Object.fromEntries(
      Object.entries(execution.result.jobs).map(([id, job]) => [
        id,
        job.reason === undefined ? job.status : `${job.status} (${job.reason})`,
      ]),
    );
    return { ...execution, events, statuses };
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}
