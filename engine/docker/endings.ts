// Containers whose job is over → their ends, put off a little: each takes the engine 70 ms of processor time, which the jobs
// that still run have a better use for. Until then the next job may have the network of one of them: to make a new one is
// half of what the start of a container takes.
import { availableParallelism } from 'node:os';
import type { EngineLink } from './engine-link.ts';

/** To make more at once takes longer for each, and not less for all. */
const makingAtOnce = Math.max(2, availableParallelism());

const lingerMs = 5_000;
/** A job of less can hardly have filled much of the disk, which its container keeps as long as others have its network. */
const quickMs = 5_000;
const most = 16;
/** Of each the container stays as long as the last one needs the network. */
const jobsInTurn = 5;
/** A process that waits for a disk or a file server cannot be frozen: nothing waits for it in turn. */
const freezeMs = 2_000;
const thawMs = 5_000;
const removeMs = 60_000;

/** Others may keep what a network is to themselves, e.g. in a virtual machine, or do not tell what they are. */
const plainRuntimes = new Set(['runc', 'crun', 'io.containerd.runc.v2']);

/** A network that containers have one after the other. It goes with the container that it was made for. */
export interface SharedNetwork {
  /** Id of that container. */
  readonly holder: string;
  /** Id of the image that it was started from: what it says of itself, others of the same image would say too. */
  readonly image: string;
  /** What the engine's files looked like before the first step. */
  readonly files: string;
}

export interface Loan {
  readonly network: SharedNetwork;
  /**
   * Once whoever had it before is frozen: what a hostile step may have left there, against our shells, cannot act any
   * more, and what it holds is to be seen. False where the engine cannot.
   */
  readonly isDeserted: Promise<boolean>;
}

/** A container whose job is over. */
export interface Ended {
  readonly id: string;
  /** Null: nobody else may have it. */
  readonly network: SharedNetwork | null;
  /** It lives, and nothing runs in it but our shells, as far as they tell. */
  readonly isIdle: boolean;
  /** Since it was opened. */
  readonly tookMs: number;
  /** Ends it, unless it is frozen; needs no request. */
  readonly close: () => void;
}

/** Owned by the engine. What waits here ends with this process, too, but for what is frozen: that is for the next sweep. */
export class Endings {
  readonly #link: EngineLink;
  readonly #removing: (removal: Promise<unknown>) => void;
  readonly #waiting = new Map<Ended, NodeJS.Timeout>();
  /** Those of them that are, or that are about to be. */
  readonly #frozen = new Map<Ended, Promise<boolean>>();
  readonly #lent = new Set<SharedNetwork>();
  /** Networks that are being made, and who would rather have one that comes free meanwhile. */
  #making = 0;
  readonly #wanting = new Set<() => void>();
  #hasAsked = false;
  /** Known, and nothing spoke against it so far. */
  #lends = false;

  constructor(link: EngineLink, removing: (removal: Promise<unknown>) => void) {
    this.#link = link;
    this.#removing = removing;
  }

  /** Closes it in a while, or when too many wait. Gives back its network. */
  add(ended: Ended): void {
    if (ended.network !== null) this.#lent.delete(ended.network);
    if (!ended.isIdle) {
      ended.close();
      return;
    }
    this.#waiting.set(ended, this.#timer(ended));
    this.#wake();
    const first = [...this.#waiting.keys()].find((one) => !this.#isNeeded(one));
    if (first !== undefined && this.#waiting.size > most) this.#end(first);
  }

  /** For the one container of the image that joins it now; null: it makes its own, and `made` is called then. */
  async lend(image: string): Promise<Loan | null> {
    for (;;) {
      const last = [...this.#waiting.keys()].find((one) => this.#mayLend(one, image));
      if (last?.network) {
        this.#lent.add(last.network);
        const isDeserted = this.#attempt('freeze a container', freezeMs, last.id, 'pause');
        this.#frozen.set(last, isDeserted);
        return { network: last.network, isDeserted };
      }
      if (this.#making < makingAtOnce) {
        this.#making++;
        return null;
      }
      await new Promise<void>((resolve) => this.#wanting.add(resolve));
    }
  }

  /** `holder`: id of the container, null when it came to nothing. */
  made(holder: string | null): void {
    this.#making--;
    this.#wake();
    if (holder !== null && !this.#hasAsked) void this.#learn(holder);
  }

  /** Nobody is in it after all. */
  giveBack(network: SharedNetwork): void {
    this.#lent.delete(network);
  }

  /** It did not serve. None is lent any more: a pipeline whose jobs leave something would pay for it again and again. */
  refuse(network: SharedNetwork): void {
    this.giveBack(network);
    this.#lends = false;
  }

  /** Closes all that wait. The frozen ones first have to thaw, which the ends of others would hold up. */
  async endAll(): Promise<void> {
    this.#lends = false;
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    await Promise.all([...this.#frozen].map(([ended, freezing]) => this.#thaw(ended.id, freezing)));
    this.#frozen.clear();
    for (const [{ close }, timer] of waiting) {
      clearTimeout(timer);
      close();
    }
  }

  #wake(): void {
    for (const look of this.#wanting) look();
    this.#wanting.clear();
  }

  #timer(ended: Ended): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.#isNeeded(ended)) this.#waiting.set(ended, this.#timer(ended));
      else this.#end(ended);
    }, lingerMs).unref();
  }

  #end(ended: Ended): void {
    clearTimeout(this.#waiting.get(ended));
    this.#waiting.delete(ended);
    if (this.#frozen.delete(ended)) this.#remove(ended.id);
    ended.close();
  }

  /** Nothing in a network wakes while another is there: what is frozen has to wake to die. */
  #isNeeded({ network }: Ended): boolean {
    return network !== null && this.#lent.has(network);
  }

  /** Whoever had the network before it is frozen already. */
  #mayLend(ended: Ended, image: string): boolean {
    const { network, tookMs } = ended;
    if (!this.#lends || network?.image !== image || tookMs > quickMs) return false;
    if (this.#frozen.has(ended) || this.#lent.has(network)) return false;
    const all = [...this.#waiting.keys()];
    return (
      all.some(({ id }) => id === network.holder) &&
      all.filter((one) => one.network === network).length < jobsInTurn
    );
  }

  async #learn(id: string): Promise<void> {
    this.#hasAsked = true;
    const seen = await this.#link.attempt('inspect a container', freezeMs, async () =>
      plainRuntimes.has((await this.#link.docker.getContainer(id).inspect()).HostConfig.Runtime ?? ''),
    );
    this.#lends = seen.ok && seen.value;
  }

  async #thaw(id: string, freezing: Promise<boolean>): Promise<void> {
    await freezing;
    if (!(await this.#attempt('thaw a container', thawMs, id, 'unpause'))) this.#remove(id);
  }

  #remove(id: string): void {
    const container = this.#link.docker.getContainer(id);
    this.#removing(
      this.#link.attempt('remove a container', removeMs, () => container.remove({ force: true, v: true })),
    );
  }

  async #attempt(doing: string, ms: number, id: string, call: 'pause' | 'unpause'): Promise<boolean> {
    return (await this.#link.attempt(doing, ms, () => this.#link.docker.getContainer(id)[call]())).ok;
  }
}
