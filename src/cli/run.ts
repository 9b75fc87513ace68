// `lockstep run`: the pipeline in containers, its events to the reporter, its result to an exit code.
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { findPipelineFile } from '../compose/pipeline-file.ts';
import { preparePlan } from '../compose/plan.ts';
import { newRunId, prepareRun, type EndedRun, type PreparedRun } from '../compose/run.ts';
import type { Emit } from '../model/event.ts';
import { fail } from '../model/failure.ts';
import { createFoldedReporter } from '../report/folded.ts';
import { createJsonReporter } from '../report/json.ts';
import { createPlainReporter } from '../report/plain.ts';
import type { LogStyle } from '../report/told.ts';
import { complain } from './complain.ts';
import { resultExitCode } from './exit-code.ts';
import { secretsOf, selectionOf, type SelectionOptions } from './options.ts';
import { createOutput } from './output.ts';
import { writeResultFile } from './result-file.ts';
import { showDiagnostics, showFailure, showUnleft, stdoutColor } from './show.ts';
import { signalExitCode, watchSignals, type Interrupts } from './signals.ts';

export interface RunCommandOptions extends SelectionOptions {
  readonly parallel?: number;
  readonly pull?: boolean;
  /** False: `--no-reuse`. */
  readonly reuse: boolean;
  readonly fresh?: boolean;
  readonly cache?: string;
  readonly from: readonly string[];
  readonly engine?: string;
  readonly caFile?: string;
  readonly result?: string;
  readonly json?: boolean;
  readonly exitCodeAllowedFailure?: number;
}

/** For a program that runs this one as a part of itself. */
export interface RunHooks {
  /** How its log is spoken to, whoever speaks, from the first word on. */
  readonly logs?: LogStyle;
  /** Of the Markdown summary that it has room for. */
  readonly summaryBytes?: number;
  /** The run is over, and its folder is whole. */
  readonly ended?: (run: EndedRun) => void;
}

export async function runCommand(
  jobs: readonly string[],
  options: RunCommandOptions,
  hooks: RunHooks = {},
): Promise<number> {
  if (options.from.length > 0 && options.needs) {
    return showFailure(
      fail(
        'usage',
        'from-without-no-needs',
        '--from names the runs of needs, and this run would run them itself',
        {
          hint: 'add --no-needs',
        },
      ).failure,
      hooks.logs,
    );
  }
  const interrupts = watchSignals();
  const file = findPipelineFile(process.cwd(), options.file);
  if (!file.ok) return showFailure(file.failure, hooks.logs);
  const runId = newRunId(new Date());
  const planned = await preparePlan(
    file.value,
    selectionOf(jobs, options, process.cwd()),
    process.env,
    runId,
  );
  if (!planned.ok) return showFailure(planned.failure, hooks.logs);
  const { plan, diagnostics, sources } = planned.value;
  if (showDiagnostics([...diagnostics, ...planned.value.notYet], sources, hooks.logs) || !plan) return 2;
  const privileged = plan.jobs.find(
    (job) => job.privileged || Object.values(job.services).some((s) => s.privileged),
  );
  if (privileged && !options.allow.includes('privileged')) {
    return showFailure(
      fail('usage', 'privileged-not-allowed', `job ${privileged.name} asks for a privileged container`, {
        hint: 'read what it does, then add --allow privileged',
      }).failure,
      hooks.logs,
    );
  }
  const prepared = await prepareRun(
    file.value,
    { ...planned.value, plan },
    {
      runId,
      selection: selectionOf(jobs, options, process.cwd()),
      secrets: secretsOf(options, process.cwd()),
      parallel: options.parallel ?? availableParallelism(),
      pull: options.pull ?? false,
      reuse: options.fresh ? 'fresh' : options.reuse ? 'use' : 'no-reuse',
      ...(options.cache !== undefined && { cache: resolve(options.cache) }),
      from: options.from,
      ...(options.engine !== undefined && { engine: options.engine }),
      ...(options.caFile !== undefined && { caFile: options.caFile }),
      environment: process.env,
      ...(hooks.summaryBytes !== undefined && { summaryBytes: hooks.summaryBytes }),
      cancel: interrupts.cancel,
      kill: interrupts.kill,
      waiting: (message) => complain([{ text: `${message}\n` }], hooks.logs),
    },
  );
  if (!prepared.ok) {
    const signal = interrupts.received();
    return signal ? signalExitCode[signal] : showFailure(prepared.failure, hooks.logs);
  }
  if (hooks.logs) process.stdout.write(maskAll(prepared.value.hidden, hooks.logs));
  showDiagnostics(prepared.value.warnings, sources, hooks.logs);
  return report(prepared.value, options, interrupts, hooks);
}

const maskAll = (values: readonly string[], style: LogStyle): string =>
  values.map((value) => style.mask(value)).join('');

async function report(
  run: PreparedRun,
  options: RunCommandOptions,
  interrupts: Interrupts,
  hooks: RunHooks,
): Promise<number> {
  const output = createOutput(process.stdout, () => interrupts.interrupt('SIGHUP'), interrupts.kill);
  const write = (bytes: Uint8Array): void | Promise<void> => output.write(bytes);
  const style = hooks.logs ?? run.logs?.();
  const reporter: Emit = options.json
    ? createJsonReporter((text) => output.write(Buffer.from(style ? style.say(text) : text)))
    : style
      ? createFoldedReporter({ write, style, logBytes: run.logBytes })
      : createPlainReporter({
          write,
          color: stdoutColor(),
          ...(process.stdout.isTTY && { width: process.stdout.columns }),
        });
  interrupts.listen((signal, atOnce) => run.cancelling(signal, atOnce));
  const end = await run.execute(reporter);
  // What nobody takes would keep the process alive.
  if (!(await output.drained())) process.exit(signalExitCode[interrupts.received() ?? 'SIGINT']);
  if (!end.ok) return showFailure(end.failure, hooks.logs);
  hooks.ended?.(end.value);
  if (options.result !== undefined) {
    const failure = await writeResultFile(options.result, end.value.result);
    if (failure) return showFailure(failure, hooks.logs);
  }
  const signal = interrupts.received();
  const { result, unleft } = end.value;
  const code = signal ? signalExitCode[signal] : resultExitCode(result, options.exitCodeAllowedFailure);
  return showUnleft(unleft, code, options.json ? hooks.logs : style);
}
