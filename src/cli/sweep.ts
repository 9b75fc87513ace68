// `lockstep sweep`: what dead runs left in the container engine, removed and counted.
import { sweep } from '../compose/sweep.ts';
import { formatCount } from '../report/quantity.ts';
import { showFailure } from './show.ts';

export interface SweepOptions {
  readonly engine?: string;
  readonly ended?: boolean;
}

export async function sweepCommand({ engine, ended }: SweepOptions): Promise<number> {
  const swept = await sweep(process.env, {
    ...(engine !== undefined && { engine }),
    ...(ended && { ended: process.cwd() }),
  });
  if (!swept.ok) return showFailure(swept.failure);
  process.stdout.write(
    swept.value === 0 ? 'nothing was left behind\n' : `removed ${formatCount(swept.value, 'left-over')}\n`,
  );
  return 0;
}
