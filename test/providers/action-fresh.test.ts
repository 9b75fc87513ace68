// `uses: ORG/lockstep@v1` on one machine after another: what the platform's cache brings to one that has nothing, an engine of
// its own without any image and an empty home.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ResultsService } from '../fakes/results-service.ts';
import { runCli } from '../rig/cli.ts';
import { docker } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';
import { publish, Registry } from '../rig/registry.ts';
import { Machine, servedBy, type StepEnd, type Variables } from '../rig/runner.ts';
import { noSecondEngine, SecondEngine } from '../rig/second-engine.ts';
import { nextWorkflow, pipeline, reused, service, workflow } from '../rig/workflow.ts';

/** GitHub's own, and an Enterprise Server's: version 1 of the cache, and no artifacts that its client could write. */
const places: readonly (readonly [string, (fake: ResultsService) => Variables])[] = [
  ['github.com', servedBy],
  [
    'an Enterprise Server',
    (fake) => ({
      ...fake.environment('v1'),
      GITHUB_SERVER_URL: 'https://github.example.com',
      ACTIONS_RESULTS_URL: undefined,
    }),
  ],
];

const files = (image: string): Readonly<Record<string, string>> => ({
  'lockstep.yml': `version: 1
defaults: { image: "${image}" }
caches: { tools: { path: /tools, key: [lock] } }
jobs:
  build:
    caches: [tools]
    steps:
      - name: install
        inputs: [lock]
        run: |
          echo installing
          ls /tools
          echo tool > /tools/tool
          head -c 300000 /dev/urandom > /installed
          sleep 2
      - name: compile
        inputs: [src]
        run: cat src && test -s /installed && mkdir out && cp src out/it
    artifacts: { dist: out/** }
  test:
    needs: [build]
    steps: [{ inputs: [src], run: cat src > seen }]
`,
  lock: '1',
  src: 'first\n',
});

describe.skipIf(noSecondEngine !== null)(
  `a fresh machine${noSecondEngine ? ` (${noSecondEngine})` : ''}`,
  () => {
    let registry: Registry;
    let second: SecondEngine;
    let image: string;
    beforeAll(async () => {
      [registry, second] = await Promise.all([Registry.start(), SecondEngine.start()]);
      image = `${registry.address}/fresh/box:1`;
      publish(image, 'one', { keep: true });
    });
    afterAll(async () => {
      docker('rmi', '-f', image);
      await Promise.all([second[Symbol.asyncDispose](), registry[Symbol.asyncDispose]()]);
    });

    /** On a machine whose engine has nothing, and whose home is empty. */
    async function runFresh(project: Project, variables: Variables): Promise<StepEnd> {
      second.docker('system', 'prune', '-af', '--volumes');
      using machine = new Machine(project, { ...variables, DOCKER_HOST: second.address });
      const end = await machine.run();
      expect(end.code, end.log).toBe(0);
      expect((await machine.post()).code).toBe(0);
      return end;
    }

    /** What the second engine did meanwhile, as `container start`. */
    async function doneBy<T>(work: () => Promise<T>): Promise<{ end: T; done: string[] }> {
      const since = Date.now() / 1000;
      const end = await work();
      const words = ['--since', since.toFixed(3), '--until', (Date.now() / 1000).toFixed(3)];
      const events = second.docker('events', ...words, '--format', '{{.Type}} {{.Action}}');
      return { end, done: events.split('\n') };
    }

    test.each(places)('by the cache of %s: reuses all, then all but what an edit is about', async (_, at) => {
      const fake = await service();
      const variables = at(fake);
      const { project, machine: first } = workflow(files(image), variables);
      const cold = await first.run();
      expect(cold.code, cold.log).toBe(0);
      expect(reused(cold)).toEqual({ steps: 3, reused: 0 });
      first[Symbol.dispose]();
      nextWorkflow(fake);

      const { end: warm, done } = await doneBy(() => runFresh(project, variables));
      expect(reused(warm)).toEqual({ steps: 3, reused: 3 });
      expect(warm.outputs.digest).toBe(cold.outputs.digest);
      expect(warm.annotations).toEqual([]);
      expect(done).not.toContain('container start');
      expect(done).not.toContain('image pull');
      expect(second.docker('images', '-q')).toBe('');
      nextWorkflow(fake);

      project.write({ src: 'edited\n' });
      const edited = await runFresh(project, variables);
      expect(reused(edited)).toEqual({ steps: 3, reused: 1 });
      expect(edited.shown).not.toMatch(/^installing$/m);
      expect(edited.shown).toMatch(/^edited$/m);
      const plain = await project.run('run', '--no-reuse');
      expect(plain.code, plain.output).toBe(0);
      expect(edited.outputs.digest).toBe(project.lastRun().times.digest);
      nextWorkflow(fake);

      // From its start: the cache directory is as the first machine left it.
      const text = project.read('lockstep.yml');
      project.write({ 'lockstep.yml': text.replace('echo installing', 'echo installing anew') });
      const anew = await runFresh(project, variables);
      expect(anew.shown).toMatch(/^installing anew\ntool$/m);
    });

    test('with a lock file, without any container engine', async () => {
      const fake = await service();
      const { project, machine } = workflow(files(image), servedBy(fake));
      expect((await project.run('lock')).code).toBe(0);
      const cold = await machine.run();
      expect(cold.code, cold.log).toBe(0);
      nextWorkflow(fake);
      using other = new Machine(project, { ...servedBy(fake), DOCKER_HOST: 'unix:///nowhere' });
      const warm = await other.run();
      expect(warm.code, warm.log).toBe(0);
      expect(reused(warm)).toEqual({ steps: 3, reused: 3 });
      expect(warm.outputs.digest).toBe(cold.outputs.digest);
    });
  },
);

const notices = (end: StepEnd, words: string): number => end.shown.split(words).length - 1;
const publishes = pipeline('jobs: { a: { steps: [echo hi > made], artifacts: { it: made } } }');

test.each<[string, Variables, string, string]>([
  [
    'a server that has neither',
    { GITHUB_SERVER_URL: 'https://github.example.com', ACTIONS_RUNTIME_TOKEN: 'x' },
    'GitHub Enterprise Server names no cache service here',
    "GitHub Enterprise Server has no artifacts that GitHub's client can write",
  ],
  ['no token', {}, 'there is no ACTIONS_RUNTIME_TOKEN', 'there is no ACTIONS_RUNTIME_TOKEN'],
])(
  '%s: the run goes on, and the log and the plan say it once',
  async (_name, variables, cache, artifacts) => {
    const { project, machine } = workflow(publishes, variables);
    const end = await machine.run();
    expect(end.code, end.log).toBe(0);
    expect(end.annotations).toEqual([]);
    expect(notices(end, `nothing is kept for other machines, since ${cache}`)).toBe(1);
    expect(notices(end, `artifacts are not published, since ${artifacts}`)).toBe(1);
    const { output } = await runCli(['plan'], { cwd: project.path, env: machine.environment() });
    expect(output).toContain(`cache of the platform: none, since ${cache}`);
    expect(output).toContain(`artifacts of the platform: none, since ${artifacts}`);
  },
);

test('what nobody would publish, and what an input turned off, is not missed', async () => {
  const { machine } = workflow(pipeline('jobs: { a: { steps: [echo hi] } }'), servedBy(await service()));
  const end = await machine.run({ cache: 'false' });
  expect(end.code, end.log).toBe(0);
  expect(end.shown).not.toContain('are not published');
  expect(notices(end, 'since the input `cache` is false')).toBe(1);
});
