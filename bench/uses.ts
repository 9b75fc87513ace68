// `uses: ./` against `lockstep run` of the same: what a workflow pays for its outputs, summary, records and sweep.
import { resultsService } from '../test/fakes/results-service.ts';
import { launcher } from '../test/rig/cli.ts';
import { Project } from '../test/rig/project.ts';
import { Machine, servedBy } from '../test/rig/runner.ts';
import { timeToEnd } from './child.ts';
import { inTurn, timed } from './rounds.ts';
import type { Benchmark } from './row.ts';

const pipeline = `version: 1\njobs:\n  one:\n    image: 'busybox:latest'\n    steps: [cat src]\n`;

export const uses: Benchmark = {
  name: 'uses',
  run: async (rounds) => {
    const service = await resultsService();
    using project = new Project({ 'lockstep.yml': pipeline, src: '0' });
    project.commit();
    using machine = new Machine(project, servedBy(service));
    let edits = 0;
    const edit = (): void => project.write({ src: String(++edits) });
    try {
      const { run, action } = await inTurn(rounds ?? 9, {
        run: () => {
          edit();
          return timeToEnd([launcher, 'run'], project.path, project.environment);
        },
        action: () => {
          edit();
          return timed(async () => {
            for (const end of [await machine.run(), await machine.post()])
              if (end.code !== 0) throw new Error(end.log);
          });
        },
      });
      const row = { what: '`uses: ./`, main and post, one step', unit: 'ms' } as const;
      const added = action.map((ms, round) => ms - (run[round] ?? 0));
      return [
        { ...row, against: 'lockstep run', ours: action, baseline: run, reach: null },
        {
          ...row,
          what: 'what `uses: ./` adds to that',
          against: '0.5 s',
          ours: added,
          baseline: [500],
          reach: 1,
        },
      ];
    } finally {
      await service.close();
    }
  },
};
