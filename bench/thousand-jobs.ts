// What a job costs us beside its container: graphs of jobs that do nothing, on an engine that does nothing.
import { scriptedEngine } from '../test/fakes/scripted-engine.ts';
import { executePlanned, planOf } from '../test/rig/in-process.ts';
import { inTurn, timed } from './rounds.ts';
import type { Benchmark } from './row.ts';

/** Each job needs up to three earlier ones. */
const graph = (jobs: number): string =>
  `version: 1\ndefaults: { image: none }\njobs:\n${Array.from({ length: jobs }, (_, job) => {
    const needs = [1, 7, 50].flatMap((back) => (job < 60 ? [] : [`job-${job - back - (job % 10)}`]));
    return `  job-${job}: { needs: [${[...new Set(needs)].join(', ')}], steps: ['true'] }\n`;
  }).join('')}`;

export const thousandJobs: Benchmark = {
  name: 'thousand-jobs',
  run: async (rounds) => {
    const perJob = (jobs: number): (() => Promise<number>) => {
      const plan = planOf(graph(jobs));
      return async () => {
        const ms = await timed(() => executePlanned(plan, { engine: scriptedEngine(), parallel: 8 }));
        return (ms * 1000) / jobs;
      };
    };
    const { few, many } = await inTurn(rounds ?? 7, { few: perJob(1000), many: perJob(4000) });
    return [
      {
        what: '1,000-job graph, no-op sandbox',
        against: 'the bound',
        unit: 'µs/job',
        ours: few,
        baseline: [1000],
        reach: 1,
      },
      {
        what: '4,000-job graph, no-op sandbox',
        against: '1,000 jobs',
        unit: 'µs/job',
        ours: many,
        baseline: few,
        reach: 1.3,
      },
    ];
  },
};
