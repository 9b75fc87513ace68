// Containers whose job is over → their ends, put off a little: each takes the engine 70 ms of processor time, which the jobs
// that still run have a better use for. Until then the next job may have the network of one of them: to make a new one is
// half of what the start of a container takes.
import type { EngineLink } from './engine-link.ts';
import type { NetworkLook } from './network-look.ts';

const lingerMs = 5_000;
/** A job of less can hardly have filled much of the disk, which its container keeps as long as others have its network. */
const quickMs = 5_000;
const most = 16;
/** A process that waits for a disk or a file server cannot be frozen: nothing waits for it in turn. */
const freezeMs = 2_000;
const thawMs = 5_000;
const killMs = 60_000;

/** Others may keep what a network is to themselves, e.g. in a virtual machine. */
const plainRuntimes = new Set(['runc', 'crun', 'io.containerd.runc.v2']);

/** A network that containers have one after the other. It goes with the container that it was made for. */
export interface SharedNetwork {
  /** Id of that container. */
  readonly holder: string;
  /** Before the first step in it. */
  readonly look: NetworkLook;
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
  readonly #frozen = new Set<Ended>();
  readonly #lent = new Set<SharedNetwork>();
  #isPlain: Promise<boolean> | null = null;
  #isOff = false;

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
    const first = [...this.#waiting.keys()].find((one) => !this.#isNeeded(one));
    if (first !== undefined && this.#waiting.size > most) this.#end(first);
  }

  /** For the one container that joins it now; null when there is none. */
  lend(): Loan | null {
    const last = this.#isOff ? undefined : [...this.#waiting.keys()].find((one) => this.#mayLend(one));
    if (!last?.network) return null;
    this.#lent.add(last.network);
    this.#frozen.add(last);
    return { network: last.network, isDeserted: this.#freeze(last.id) };
  }

  /** It did not serve. None is lent any more: what the matter is will be the same again. */
  refuse(network: SharedNetwork): void {
    this.#lent.delete(network);
    this.#isOff = true;
  }

  /** Closes all that wait. The frozen ones first have to thaw, which the ends of others would hold up. */
  async endAll(): Promise<void> {
    this.#isOff = true;
    await Promise.all(
      [...this.#frozen].map(({ id }) =>
        this.#link.attempt('thaw a container', thawMs, () => this.#link.docker.getContainer(id).unpause()),
      ),
    );
    for (const [{ close }, timer] of this.#waiting) {
      clearTimeout(timer);
      close();
    }
    this.#waiting.clear();
  }

  #timer(ended: Ended): NodeJS.Timeout {
    return setTimeout(() => {
      if (this.#isNeeded(ended)) this.#waiting.set(ended, this.#timer(ended));
      else this.#end(ended);
    }, lingerMs).unref();
  }

  /** What is frozen is killed in its sleep: others are in its network. */
  #end(ended: Ended): void {
    clearTimeout(this.#waiting.get(ended));
    this.#waiting.delete(ended);
    if (!this.#frozen.delete(ended)) {
      ended.close();
      return;
    }
    const { docker } = this.#link;
    const killed = this.#link.attempt('end a container', killMs, () => docker.getContainer(ended.id).kill());
    this.#removing(killed.then(ended.close));
  }

  /** By a container that is in its network now. */
  #isNeeded({ id, network }: Ended): boolean {
    return network?.holder === id && this.#lent.has(network);
  }

  /** Whoever had the network before it is frozen already. */
  #mayLend(ended: Ended): boolean {
    const { network, tookMs } = ended;
    if (network === null || tookMs > quickMs || this.#frozen.has(ended) || this.#lent.has(network))
      return false;
    return [...this.#waiting.keys()].some(({ id }) => id === network.holder);
  }

  async #freeze(id: string): Promise<boolean> {
    const container = this.#link.docker.getContainer(id);
    this.#isPlain ??= this.#link
      .attempt('inspect a container', freezeMs, () => container.inspect())
      .then((seen) => seen.ok && plainRuntimes.has(seen.value.HostConfig.Runtime ?? ''));
    if (!(await this.#isPlain)) return false;
    return (await this.#link.attempt('freeze a container', freezeMs, () => container.pause())).ok;
  }
}
