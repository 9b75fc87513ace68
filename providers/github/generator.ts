// `lockstep generate github`: its options, and the workflow that they make.
import type { Generator } from '../../src/contract/generator.ts';

export const githubGenerator: Generator = {
  name: 'github',
  makes: 'a GitHub workflow: a job for each job and matrix instance, and one that merges their results',
  examples: [
    'lockstep generate github --action OWNER/lockstep@v1 --check',
    'lockstep generate github --action ./ --on push,merge_group --runs-on self-hosted,linux --output -',
  ],
  usualPath: '.github/workflows/lockstep.yml',
  options: [
    {
      name: 'action',
      value: '<reference>',
      description: 'what `uses:` names: OWNER/lockstep@v1, better by commit',
      pattern: [
        /^(?:\.\/[\w./-]*|[\w.-]+(?:\/[\w.-]+)+@[\w./-]+)$/,
        'OWNER/REPOSITORY@REF, or ./PATH of the repository itself',
      ],
      fallback: null,
      required: true,
    },
    {
      ...{ name: 'on', value: '<events>', description: 'what starts it; by commas', list: true },
      fallback: 'push,pull_request',
    },
    {
      ...{ name: 'runs-on', value: '<labels>', description: 'of the runners; by commas', list: true },
      fallback: 'ubuntu-latest',
    },
  ],
  async render(fanOut, words) {
    const { renderWorkflow } = await import('./workflow.ts');
    const { action: [action = ''] = [], on: events = [], 'runs-on': runsOn = [] } = words;
    return renderWorkflow({ ...fanOut, action, events, runsOn });
  },
};
