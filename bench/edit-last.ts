// A file edited that only the last step sees: `lockstep run` against a run of that step alone.
import { launcher } from '../test/rig/cli.ts';
import { Project } from '../test/rig/project.ts';
import { timeToEnd } from './child.ts';
import { inTurn } from './rounds.ts';
import type { Benchmark } from './row.ts';

const image = 'busybox:latest';
const last = 'cat src.txt; sleep 1';

export const editLast: Benchmark = {
  name: 'edit-last',
  run: async (rounds) => {
    const pipeline = (steps: string): string =>
      `version: 1\njobs:\n  one:\n    image: '${image}'\n    steps:\n${steps}      - ${last}\n`;
    using whole = new Project({
      'lockstep.yml': pipeline('      - { run: sleep 3; echo installed > /installed, inputs: [deps.txt] }\n'),
      'deps.txt': 'deps',
      'src.txt': '0',
    });
    using alone = new Project({ 'lockstep.yml': pipeline(''), 'src.txt': '0' });
    let edits = 0;
    const after = (project: Project) => () => {
      project.write({ 'src.txt': String(++edits) });
      return timeToEnd([launcher, 'run'], project.path, { ...process.env, XDG_CACHE_HOME: project.cache });
    };
    for (const project of [whole, alone]) {
      project.commit();
      await after(project)();
    }
    const figures = await inTurn(rounds ?? 7, { edited: after(whole), alone: after(alone) });
    return [
      {
        what: 'a file edited that only the last step sees',
        against: 'that step alone',
        unit: 'ms',
        ours: figures.edited,
        baseline: figures.alone,
        reach: 1.3,
      },
    ];
  },
};
