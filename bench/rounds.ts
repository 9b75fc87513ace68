// Things to measure → their figures, taken in turn round after round, so that what disturbs the machine disturbs all.

/** Each does its work once and says what it cost. */
export type Contenders<Name extends string> = Readonly<Record<Name, () => Promise<number>>>;

/** A first round is thrown away: it fills the caches of the disk, of the engine and of the compilers. */
export async function inTurn<Name extends string>(
  rounds: number,
  contenders: Contenders<Name>,
  { warmUp = true } = {},
): Promise<Readonly<Record<Name, readonly number[]>>> {
  const names = Object.keys(contenders) as Name[];
  const figures = Object.fromEntries(names.map((name) => [name, [] as number[]])) as Record<Name, number[]>;
  for (let round = warmUp ? -1 : 0; round < rounds; round++) {
    for (const name of names) {
      const figure = await contenders[name]();
      if (round >= 0) figures[name].push(figure);
    }
  }
  return figures;
}

/** Milliseconds that the work takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}
