// The container of one sandbox while it lives, and what it died of.
import type { Owner, SandboxSpec } from '../../src/contract/sandbox.ts';
import { type Failure, fail } from '../../src/model/failure.ts';
import type { ControlShell } from './control-shell.ts';
import type { EngineLink, Fate } from './engine-link.ts';

/** What `open` made. */
export interface OpenedContainer {
  readonly link: EngineLink;
  readonly id: string;
  readonly fate: Fate;
  readonly control: ControlShell;
  readonly spec: SandboxSpec;
  /** As the engine takes it: name or number, maybe with a group. */
  readonly user: string;
  readonly owner: Owner;
}

export type DeathIn = 'step' | 'between-steps' | 'unkillable';

export class JobContainer {
  readonly opened: OpenedContainer;
  readonly #closing = new AbortController();
  #dead: Failure | null = null;

  constructor(opened: OpenedContainer) {
    this.opened = opened;
    const { link, control } = opened;
    // A frozen engine closes no stream: whoever reads one must be told.
    link.lost.addEventListener('abort', () => control.close(), { signal: this.closing });
  }

  get closing(): AbortSignal {
    return this.#closing.signal;
  }

  /** Why nothing can run in it any more; null while it lives. */
  get dead(): Failure | null {
    const { lost } = this.opened.link;
    return this.#dead ?? (lost.aborted ? (lost.reason as Failure) : null);
  }

  /**
   * Nothing runs in it from now on. Gives what ends it, now or later: closing its stdin, for which the engine needs no
   * request, and none of which needs this process.
   */
  close(): () => void {
    const { control, link, id } = this.opened;
    this.#dead ??= fail('environment', 'sandbox-died', 'the sandbox was closed').failure;
    link.forget(id);
    this.#closing.abort();
    return () => control.close();
  }

  /** Call when its main shell answers no more, or its streams ended. From then on it is dead. */
  async whyDead(when: DeathIn): Promise<Failure> {
    if (this.dead !== null) return this.dead;
    const { link, id, control, fate, spec } = this.opened;
    const lost = when === 'unkillable' ? null : await link.whyEnded(id);
    control.close();
    return (this.#dead ??= lost ?? death(when, `the container of ${spec.job}`, fate.memoryKills > 0));
  }
}

function death(when: DeathIn, container: string, outOfMemory: boolean): Failure {
  const why = outOfMemory ? ', out of memory' : '';
  switch (when) {
    case 'unkillable':
      return fail('environment', 'sandbox-died', `a process in ${container} could not be killed`).failure;
    case 'between-steps':
      return fail('environment', 'sandbox-died', `${container} ended${why}`).failure;
    case 'step': {
      const hint = outOfMemory
        ? 'raise its memory limit'
        : 'did it kill all processes, its own container included?';
      return fail('pipeline', 'sandbox-died', `the step ended ${container}${why}`, { hint }).failure;
    }
  }
}
