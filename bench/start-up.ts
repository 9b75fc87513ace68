// What a command costs before it does anything, against the start of bare Node.
import { launcher } from '../test/rig/cli.ts';
import { Project } from '../test/rig/project.ts';
import { timeToEnd } from './child.ts';
import { inTurn } from './rounds.ts';
import type { Benchmark, Measured } from './row.ts';

const job = (number: number): string => `
  job-${number}:
    needs: [${number < 10 ? '' : `job-${number - 10}`}]
    inputs: [src/**, package.json]
    steps:
      - npm ci
      - id: build
        run: npm run build -- --part ${number}
    outputs: { part: "\${{ steps.build.outputs.part }}" }
`;

const hundredJobs = `version: 1
defaults: { image: 'node:24-bookworm-slim' }
jobs:${Array.from({ length: 100 }, (_, number) => job(number)).join('')}`;

export const startUp: Benchmark = {
  name: 'start-up',
  run: async (rounds) => {
    using project = new Project({ 'lockstep.yml': hundredJobs });
    const ours =
      (...words: string[]) =>
      () =>
        timeToEnd([launcher, ...words], project.path);
    const figures = await inTurn(rounds ?? 25, {
      node: () => timeToEnd([process.execPath, '-e', '0']),
      version: ours('--version'),
      help: ours('--help'),
      check: ours('check'),
      // Nothing can be kept there, so the file is parsed each time.
      parse: () => timeToEnd(['env', 'XDG_CACHE_HOME=/dev/null', launcher, 'check'], project.path),
    });
    const row = (what: string, taken: readonly number[], reach: number | null): Measured => ({
      what,
      against: 'node -e 0',
      unit: 'ms',
      ours: taken,
      baseline: figures.node,
      reach,
    });
    return [
      row('lockstep --version', figures.version, 1.5),
      row('lockstep --help', figures.help, 2),
      row('lockstep check, 100 jobs', figures.check, 3),
      row('lockstep check, 100 jobs, edited', figures.parse, null),
    ];
  },
};
