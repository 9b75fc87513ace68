// `lockstep generate gitlab`: its options, and the child pipeline that they make.
import type { Generator } from '../../src/contract/generator.ts';

export const gitlabGenerator: Generator = {
  name: 'gitlab',
  makes: 'a GitLab child pipeline: a job for each job and matrix instance, and one that merges their results',
  examples: [
    'lockstep generate gitlab --image registry.example.com/lockstep:1 --check',
    'lockstep generate gitlab --image registry.example.com/lockstep:1 --tags docker,large --engine socket --output -',
  ],
  usualPath: '.gitlab/lockstep.yml',
  options: [
    { name: 'image', value: '<image>', description: 'with Lockstep in it', fallback: null, required: true },
    { name: 'tags', value: '<tags>', description: 'of the runners; by commas', list: true, fallback: null },
    {
      ...{ name: 'engine', value: '<kind>', fallback: 'auto' },
      description:
        "auto: the runner's socket where it is mounted, else docker:dind. dind, socket: that alone",
      pattern: [/^(?:auto|dind|socket)$/, 'auto, dind or socket'],
    },
    {
      ...{ name: 'dind-image', value: '<image>', fallback: 'docker:28-dind' },
      description: 'of the engine that is started beside each job',
    },
    {
      ...{ name: 'expire-in', value: '<time>', fallback: '30 days' },
      description: 'how long GitLab keeps the artifacts',
    },
    {
      ...{ name: 'cache-key', value: '<key>', fallback: 'lockstep' },
      description: 'of what is kept between pipelines; each job adds its own name',
    },
  ],
  keys: {
    makes: 'a new pair of keys for records in the package registry, as variables to set; written nowhere',
    print: async () => (await import('./record-keys.ts')).newKeysText(),
  },
  async render(fanOut, words) {
    const { renderChildPipeline } = await import('./child-pipeline.ts');
    const word = (name: string): string => words[name]?.[0] ?? '';
    const engine = word('engine');
    return renderChildPipeline({
      ...{ ...fanOut, image: word('image'), tags: words.tags ?? [], dindImage: word('dind-image') },
      engine: engine === 'dind' || engine === 'socket' ? engine : 'auto',
      ...{ expireIn: word('expire-in'), cacheKey: word('cache-key') },
    });
  },
};
