// Containers that nobody needs any more → their ends, put off a little: each takes the engine 70 ms of processor time, which
// the jobs that still run have a better use for.

const lingerMs = 5_000;
const most = 8;

/** Owned by the engine. What waits here ends with this process, too. */
export class Endings {
  readonly #waiting = new Map<() => void, NodeJS.Timeout>();

  /** Calls `end` in a while, or when too many wait. */
  add(end: () => void): void {
    this.#waiting.set(end, setTimeout(() => this.#end(end), lingerMs).unref());
    const [first] = this.#waiting.keys();
    if (first !== undefined && this.#waiting.size > most) this.#end(first);
  }

  /** Calls all that wait. */
  endAll(): void {
    for (const end of this.#waiting.keys()) this.#end(end);
  }

  #end(end: () => void): void {
    clearTimeout(this.#waiting.get(end));
    this.#waiting.delete(end);
    end();
  }
}
