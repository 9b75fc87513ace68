// A step spec → its end, in a container that other steps may have been through.
import type { StepEnd, StepOutput, StepSpec, StopSignals } from '../../src/contract/sandbox.ts';
import { type Failure, type Outcome, fail, ok } from '../../src/model/failure.ts';
import { maxSection } from './control-shell.ts';
import { startExecShell } from './exec-shell.ts';
import type { DeathIn, JobContainer, OpenedContainer } from './job-container.ts';
import { layOut } from './step-layout.ts';
import { isRoot, startRootShell } from './root-shell.ts';
import { resultRequest, stepText, wholeStepText } from './step-script.ts';
import { isGranted, unfitSecrets, withdrawRequest } from './step-secrets.ts';
import { notStartable, unfitEnvironment, unwritable } from './step-refusals.ts';
import type { ShellEnd, StepShell } from './step-shell.ts';
import { aborted, stopStep } from './stop-step.ts';

/** How the shell saw the step end. `killed`: false when something of it would not die. */
interface Ran {
  readonly shell: StepShell;
  readonly ended: ShellEnd;
  readonly killed: boolean;
  /** Stopped before it ended by itself. */
  readonly stopped: boolean;
}

/**
 * Keeps one shell from step to step. It is dropped when another user's step comes: what that one does, e.g. to
 * /etc/group, would not reach a shell started before; and whoever's the step, when it changed the accounts. An isolated
 * step gets a shell of its own. One that is granted secrets is alone in the container, too: steps of its user could have
 * taken over a shell that was there before it, and could read the memory of its own after it.
 */
export class StepRunner {
  readonly #container: JobContainer;
  #shell: StepShell | null = null;
  /** The first step's, started while the workspace is filled; most jobs have one user only. */
  #early: Promise<Outcome<StepShell>> | null;
  /** Of the container, up to the last step. */
  #memoryKills = 0;
  /** The job's user may have other ids than at the start. */
  #accountsChanged = false;

  constructor(container: JobContainer) {
    this.#container = container;
    const { lost } = container.opened.link;
    this.#early = firstShell(container.opened);
    // One that is not apart ends with the container.
    const close = (shell: StepShell | null): void => (shell?.isApart ? shell.close() : undefined);
    const cut = (): void => {
      close(this.#shell);
      void this.#early?.then((early) => close(early.ok ? early.value : null));
    };
    lost.addEventListener('abort', cut, { signal: container.closing });
    container.closing.addEventListener('abort', cut);
  }

  /** `env` is all that the step gets beyond the image's variables. */
  async run(
    step: StepSpec,
    env: Readonly<Record<string, string>>,
    output: StepOutput,
    stop: StopSignals,
  ): Promise<StepEnd> {
    if (!isGranted(step)) return this.#run(step, env, output, stop);
    const { control } = this.#container.opened;
    const unfit = unfitSecrets(step);
    if (unfit !== null) return end({ failure: unfit });
    const dead = await this.#endShell();
    if (dead !== null) return end({ failure: await this.#container.whyDead(dead) });
    try {
      return await this.#run({ ...step, isolated: true }, env, output, stop);
    } finally {
      const answer = (await this.#endShell()) === null ? await control.ask(withdrawRequest) : null;
      // What cannot be taken back goes with the container.
      if (!answer?.has('withdrawn')) control.close();
    }
  }

  /** Kills the last one, if there was any, and waits until it is gone. Why the container is dead then, or null. */
  async #endShell(): Promise<DeathIn | null> {
    const early = await this.#early;
    // An exec that ran nothing yet is as good as a new one.
    if (early?.ok && !early.value.isApart) this.#shell = early.value;
    if (this.#shell === null) return null;
    this.#early = null;
    this.#shell.close();
    this.#shell = null;
    const left = await this.#container.opened.control.clear([]);
    return left === 'gone' ? 'between-steps' : left === 'unkillable' ? left : null;
  }

  async #run(
    step: StepSpec,
    env: Readonly<Record<string, string>>,
    output: StepOutput,
    stop: StopSignals,
  ): Promise<StepEnd> {
    const { control, link, fate } = this.#container.opened;
    if (stopWanted(stop)) return end({ stopped: true });
    const failed = (failure: Failure): StepEnd =>
      end({ failure, stopped: stopWanted(stop), outOfMemory: fate.memoryKills > this.#memoryKills });

    const refused = this.#container.dead ?? unfitEnvironment(env);
    if (refused !== null) return failed(refused);
    const ran =
      (await this.#runBeside(step, env, output, stop)) ?? (await this.#runApart(step, env, output, stop));
    if (!ran.ok) return failed(ran.failure);

    const { shell, ended, killed, stopped } = ran.value;
    const said = ended.kind === 'ended' ? ended.said : null;
    const others = Number(said?.word('others') ?? 0);
    const cleared =
      said?.word('others') === '0'
        ? { leftOvers: 0, answer: said }
        : killed
          ? await control.clear(shell.alive, { next: resultRequest, killingAll: () => shell.close() })
          : 'unkillable';
    // Beside the main shell, last words of what was killed would come into the next step's.
    if (step.isolated || !shell.reusable || others > 0) shell.close();
    if (cleared === 'unkillable') return failed(await this.#container.whyDead('unkillable'));
    if (cleared === 'gone') return failed(await this.#container.whyDead('step'));
    const { answer } = cleared;
    const leftOvers = Math.max(others, cleared.leftOvers);

    if (answer.word('accounts-changed') === '1') {
      this.#accountsChanged = true;
      shell.close();
    }
    // The kernel's count is exact; the engine's event may come after the step's end.
    const kills = Number(answer.word('memory-kills') ?? fate.memoryKills);
    const outOfMemory = kills > this.#memoryKills;
    this.#memoryKills = kills;
    const hostFilesChanged = answer.word('host-files-changed') === '1';
    const about = { leftOvers, outOfMemory, hostFilesChanged };
    const seen = {
      ...about,
      outputs: answer.bytes('outputs'),
      summary: answer.bytes('summary'),
    };
    const tooLarge = tooLargeFailure(seen);
    const kept = tooLarge === null ? seen : about;
    if (stopped) return end({ ...kept, stopped });
    if (said?.has('no-workdir')) {
      return end({ ...kept, failure: notStartable(`there is no folder ${step.workdir} in the container`) });
    }
    if (said?.word('exit') === 'unwritable') return end({ ...kept, failure: unwritable() });
    const exitCode = said === null ? await shell.exitCode() : Number(said.word('exit'));
    if (exitCode === null || (ended.kind === 'gone' && !ended.begun)) {
      const lost = await link.whyEnded(this.#container.opened.id);
      return end({
        ...kept,
        failure: lost ?? notStartable('no shell for the step would start in the container'),
      });
    }
    return end({ ...kept, exitCode, ...(tooLarge === null ? {} : { failure: tooLarge }) });
  }

  /** By root's shell, in one go. Null when that is none for the step. */
  async #runBeside(
    step: StepSpec,
    env: Readonly<Record<string, string>>,
    output: StepOutput,
    stop: StopSignals,
  ): Promise<Outcome<Ran> | null> {
    const shell = await this.#kept(step);
    if (shell === null || shell.isApart) return null;
    const ran = await this.#feed(shell, (marker) => wholeStepText(marker, step, env), output, stop);
    return ran.ended.kind === 'gone' && !ran.ended.begun && !stopWanted(stop) ? null : ok(ran);
  }

  async #runApart(
    step: StepSpec,
    env: Readonly<Record<string, string>>,
    output: StepOutput,
    stop: StopSignals,
  ): Promise<Outcome<Ran>> {
    const laidOut = await layOut(this.#container, step, this.#accountsChanged);
    if (!laidOut.ok) return laidOut;
    for (;;) {
      const shell = await this.#shellFor(step);
      if (!shell.ok) return shell;
      const reused = shell.value.pid !== null;
      const ran = await this.#feed(shell.value, (marker) => stepText(marker, step, env), output, stop);
      // A shell that an earlier step had killed on its way out.
      const stale = reused && ran.ended.kind === 'gone' && !ran.ended.begun;
      if (!stale || stopWanted(stop) || this.#container.dead !== null) return ok(ran);
    }
  }

  async #shellFor(step: StepSpec): Promise<Outcome<StepShell>> {
    const { link, id, user: usual } = this.#container.opened;
    const kept = await this.#kept(step);
    if (kept !== null) return ok(kept);
    const started = await startExecShell(link, id, step.user ?? usual);
    if (!started.ok) return { ok: false, failure: this.#container.dead ?? started.failure };
    this.#shell = started.value;
    if (this.#container.dead !== null) this.#shell.close();
    return started;
  }

  /** The last shell, if it may run the step; else it is closed. */
  async #kept(step: StepSpec): Promise<StepShell | null> {
    const early = await this.#early;
    this.#early = null;
    if (early?.ok) this.#shell = early.value;
    const kept = this.#shell;
    if (kept === null || kept.gone) return null;
    const isNew = kept.pid === null;
    const fits = kept.user === (step.user ?? this.#container.opened.user);
    const mayRun = step.isolated ? isNew && kept.isApart : isNew || kept.reusable;
    if (fits && mayRun && this.#container.dead === null) return kept;
    kept.close();
    return null;
  }

  /** Lets the step run to its end while `stop` is listened to. */
  async #feed(
    shell: StepShell,
    text: (marker: string) => string,
    output: StepOutput,
    stop: StopSignals,
  ): Promise<Ran> {
    const { control } = this.#container.opened;
    const begun = Promise.withResolvers<undefined>();
    const over = new AbortController();
    const stopping = aborted([stop.stop, stop.kill], over.signal).then(async (wanted) => {
      if (!wanted) return true;
      const killed = await stopStep({ control, begun: begun.promise, over: over.signal, shell }, stop);
      // What cannot be killed alone goes with its container.
      if (!killed) control.close();
      return killed;
    });
    try {
      const ended = await shell.run(text, output, () => begun.resolve(undefined));
      const stopped = stopWanted(stop);
      over.abort();
      return { shell, ended, stopped, killed: await stopping };
    } catch (error) {
      // `output` threw: nobody reads this shell's stream to the step's end any more.
      shell.close();
      throw error;
    } finally {
      over.abort();
    }
  }
}

/** Root's, where nothing speaks against it, needs no exec. */
async function firstShell(opened: OpenedContainer): Promise<Outcome<StepShell>> {
  const { link, id, control, spec, user, owner } = opened;
  // Where processes are counted, its keeper might be one too many.
  const besides = isRoot(user) && owner.uid === 0 && spec.resources.pids === undefined;
  const shell = besides ? await startRootShell(control, user) : null;
  return shell === null ? startExecShell(link, id, user) : ok(shell);
}

const stopWanted = (stop: StopSignals): boolean => stop.stop.aborted || stop.kill.aborted;

const end = (part: Partial<StepEnd>): StepEnd => ({
  outputs: new Uint8Array(),
  summary: new Uint8Array(),
  stopped: false,
  leftOvers: 0,
  outOfMemory: false,
  hostFilesChanged: false,
  ...part,
});

function tooLargeFailure({ outputs, summary }: Pick<StepEnd, 'outputs' | 'summary'>): Failure | null {
  if (outputs.length <= maxSection && summary.length <= maxSection) return null;
  const name = outputs.length > maxSection ? '$LOCKSTEP_OUTPUT' : '$LOCKSTEP_SUMMARY';
  return fail('pipeline', 'output-too-large', `the step wrote more than 1 MiB to ${name}`).failure;
}
