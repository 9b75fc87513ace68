import { expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { gitlabGenerator } from '../../../providers/gitlab/generator.ts';
import { splitWords } from '../../../src/action/words.ts';
import { generateFanOut, type GenerateWords } from '../../../src/compose/generate.ts';
import { findPipelineFile } from '../../../src/compose/pipeline-file.ts';
import type { GeneratorWords } from '../../../src/contract/generator.ts';
import { Project } from '../../rig/project.ts';
import { step, undividedMatrices } from './undivided-matrices.ts';

const command = ['lockstep', 'generate', 'gitlab', '-p', 'a=b c'];
const usual: GeneratorWords = {
  ...{ image: ['example/lockstep:1'], engine: ['auto'], 'dind-image': ['docker:28-dind'] },
  ...{ 'expire-in': ['30 days'], 'cache-key': ['lockstep'] },
};

async function generate(
  jobs: string,
  { options = {}, ...words }: Partial<GenerateWords> & { options?: GeneratorWords } = {},
  head = '',
  name = 'lockstep.yml',
): Promise<string> {
  const project = new Project({ [name]: `version: 1\n${head}\ndefaults: { image: i }\njobs:\n${jobs}` });
  onTestFinished(() => project[Symbol.dispose]());
  const file = findPipelineFile(project.path, `${project.path}/${name}`);
  if (!file.ok) throw new Error(file.failure.message);
  const made = await generateFanOut(
    file.value,
    { ...{ jobs: [], params: {}, allow: [], command }, ...words },
    { XDG_CACHE_HOME: project.cache },
    (fanOut) => gitlabGenerator.render(fanOut, { ...usual, ...options }),
  );
  if (!made.ok) throw new Error(made.failure.code);
  expect(made.value.diagnostics).toEqual([]);
  return made.value.text ?? '';
}

interface Job {
  readonly extends: string;
  readonly stage: string;
  readonly needs?: readonly string[];
  readonly dependencies?: readonly string[];
  readonly resource_group?: string;
  readonly script: readonly string[];
  readonly artifacts: { readonly paths: readonly string[] };
  readonly cache?: { readonly key: string };
}
/** As GitLab reads it: the keys of YAML 1.1. */
function jobsOf(text: string): Readonly<Record<string, Job>> {
  const { stages, ...rest } = parse(text, { version: '1.1' }) as Record<string, unknown>;
  expect(stages).toContain('result');
  return Object.fromEntries(Object.entries(rest).filter(([name]) => !name.startsWith('.'))) as Record<
    string,
    Job
  >;
}
/** What the shell makes of a job's script, from the command on. */
function wordsOf(job: Job | undefined): readonly string[] {
  const words = splitWords(job?.script.join('\n') ?? '');
  if (!words.ok) throw new Error('no words');
  expect(words.value.slice(0, 2)).toEqual(['exec', 'env']);
  expect(words.value[2]).toBe(`LOCKSTEP_GITLAB_FOLDER=${job?.artifacts.paths[0]?.replace(/\/$/, '')}`);
  expect(words.value.slice(-2)).toEqual(['--exit-code-allowed-failure', '75']);
  return words.value.slice(words.value.indexOf('lockstep') + 1, -2);
}

test('every kind of job has its place', async () => {
  const text = await generate(
    [
      `  build: { steps: [echo hi], artifacts: { made: [a] } }`,
      `  test:`,
      `    needs: [build]`,
      `    matrix: { os: [a, "b c'd"], node: [20, 22] }`,
      `    max-parallel: 2`,
      `    ${step}`,
      `  list: { steps: [{ id: s, run: x }], outputs: { m: "\${{ steps.s.outputs.m }}" } }`,
      `  later: { needs: [list], matrix: "\${{ fromJSON(needs.list.outputs.m) }}", ${step} }`,
      `  deploy: { needs: [build, test], if: always(), secrets: [TOKEN], ${step} }`,
    ].join('\n'),
    { params: { level: 'very high' }, allow: ['privileged'], options: { tags: ['docker', 'large'] } },
    'name: shop\nsecrets: { TOKEN: {} }\nparams: { level: { type: string } }',
  );
  await expect(text).toMatchFileSnapshot('gitlab-child-pipeline.golden.yml');
});

test('it is the same text again', async () => {
  const jobs = `  a: { matrix: { n: [2, 1] }, ${step} }`;
  expect(await generate(jobs)).toBe(await generate(jobs));
});

test.each(undividedMatrices)('all instances run in one job of GitLab: %s', async (_, jobs, why) => {
  const text = await generate(jobs);
  expect(text).toMatch(new RegExp(`^m:\n  # All instances run here: .*${why}`, 'm'));
  expect(wordsOf(jobsOf(text).m).slice(0, 2)).toEqual(['run', 'm']);
  expect(wordsOf(jobsOf(text).result)).toContain('.lockstep/gitlab/m/run');
});

test('each instance takes its values, of its own name, folder and cache', async () => {
  const jobs = jobsOf(await generate(`  m: { matrix: { n: [1, 2] }, ${step} }`));
  expect(Object.keys(jobs)).toEqual(['m[n=1]', 'm[n=2]', 'result']);
  expect(wordsOf(jobs['m[n=2]'])).toEqual(['run', 'm', '--matrix', 'n=2']);
  expect(jobs['m[n=2]']).toMatchObject({
    ...{ artifacts: { paths: ['.lockstep/gitlab/m.2/'] }, cache: { key: 'lockstep-m.2' } },
  });
});

test('no job has the name of a keyword, or of another job, whatever jobs are called', async () => {
  const names = ['image', 'stages', 'default', 'include', 'variables', 'pages', 'cache', 'Workflow', 'null'];
  const text = await generate(
    [...names, 'on', 'yes', 'Result', 'image-2', 'True'].map((name) => `  ${name}: { ${step} }`).join('\n'),
  );
  const jobs = jobsOf(text);
  expect(Object.keys(jobs)).toEqual([
    ...names.map((name) => `${name}-2`),
    ...['on', 'yes', 'Result', 'image-2-2', 'True-2', 'result-2'],
  ]);
  expect(wordsOf(jobs['image-2'])).toEqual(['run', 'image']);
  expect(wordsOf(jobs['image-2-2'])).toEqual(['run', 'image-2']);
});

test('names are no longer than GitLab and file systems take, in one line, and distinct', async () => {
  const long = 'x'.repeat(120);
  const values = ['v'.repeat(300), `${'v'.repeat(300)}w`].map((value) => JSON.stringify(value));
  const jobs = jobsOf(
    await generate(
      [
        `  ${long}: { ${step} }`,
        `  ${long}y: { ${step} }`,
        `  m: { matrix: { n: [${values.join(', ')}, "a\\n\\e[31m b"] }, ${step} }`,
      ].join('\n'),
    ),
  );
  const names = Object.keys(jobs);
  expect(names).toHaveLength(6);
  expect(names.filter((name) => name.length > 255)).toEqual([]);
  expect(names.filter((name) => /\p{C}/u.test(name))).toEqual([]);
  const folders = Object.values(jobs).map(({ artifacts }) => artifacts.paths[0] ?? '');
  expect(new Set(folders).size).toBe(6);
  expect(folders.filter((folder) => folder.length > 130)).toEqual([]);
  expect(wordsOf(jobs['m[n=a [31m b]'])).toEqual(['run', 'm', '--matrix', 'n=a\n\u001b[31m b']);
});

test('nothing of the pipeline file is expanded, by GitLab or a shell', async () => {
  const hostile = '$CI_JOB_TOKEN ${CI_JOB_TOKEN} $(id) `id` $$ %PATH% $[[ inputs.x ]] !reference [x] \'"\\';
  const text = await generate(
    `  m: { matrix: { n: [${JSON.stringify(hostile)}, 2] }, ${step} }`,
    { params: { p: hostile } },
    'params: { p: { type: string } }',
    '$HOME.yml',
  );
  const [[name, job] = [''], , ...rest] = Object.entries(jobsOf(text));
  expect(rest).toHaveLength(1);
  expect(name).toBe(`m[n=${hostile}]`);
  expect(wordsOf(job)).toEqual([
    ...['run', 'm', '--matrix', `n=${hostile}`, '--file', '$HOME.yml', '--param', `p=${hostile}`],
  ]);
  const { script, ...keywords } = job ?? { script: [] };
  // The shell sees it in quotes only, and no keyword that GitLab expands holds any of it.
  expect(script.join('').replace(/'[^']*'|\\'/g, '')).not.toMatch(/[$`%]/);
  expect(JSON.stringify(keywords)).not.toContain('$');
});

test('what a param holds ends no line of the file', async () => {
  const value = 'a\x85evil: { script: id }\u2028x';
  const text = await generate(
    '  a: { steps: [{ run: x }] }',
    {
      ...{ params: { p: value }, command: [...command, '-p', `p=${value}`] },
    },
    'params: { p: { type: string, default: x } }',
  );
  expect(text).not.toMatch(/[\x85\u2028]/);
  expect(wordsOf(jobsOf(text).a)).toContain(`p=${value}`);
});

test('what GitLab cannot name in `needs` is waited for by stages', async () => {
  const many = (count: number) => `{ n: [${Array.from({ length: count }, (_, n) => n).join(', ')}] }`;
  const text = await generate(
    [
      `  few: { matrix: ${many(50)}, ${step} }`,
      `  many: { matrix: ${many(51)}, ${step} }`,
      `  a: { needs: [few], ${step} }`,
      `  b: { needs: [many], ${step} }`,
      `  c: { needs: [a, b], ${step} }`,
      `  d: { needs: [many, c], ${step} }`,
    ].join('\n'),
  );
  expect((parse(text) as { stages: unknown }).stages).toEqual(['jobs', 'jobs-2', 'jobs-3', 'result']);
  const { a, b, c, d } = jobsOf(text);
  expect(a).toMatchObject({ stage: 'jobs', needs: { length: 50 } });
  expect(b).toMatchObject({ stage: 'jobs-2', dependencies: { length: 51 } });
  expect(b?.needs).toBeUndefined();
  expect(c).toMatchObject({ stage: 'jobs-2', needs: ['a', 'b'] });
  expect(d).toMatchObject({ stage: 'jobs-3', dependencies: { length: 52 } });
});

test('max-parallel is kept by groups of which one runs at a time', async () => {
  const groupsOf = async (most: number) =>
    Object.values(
      jobsOf(await generate(`  m: { matrix: { n: [1, 2, 3] }, max-parallel: ${most}, ${step} }`)),
    ).flatMap(({ resource_group: group }) => group ?? []);
  const group = (number: number) => `lockstep-$CI_COMMIT_REF_SLUG-m-${number}`;
  expect(await groupsOf(1)).toEqual([group(1), group(1), group(1)]);
  expect(await groupsOf(2)).toEqual([group(1), group(2), group(1)]);
  expect(await groupsOf(3)).toEqual([]);
});

test('only some jobs are merged when only some were asked for', async () => {
  const jobs = jobsOf(
    await generate(`  a: { ${step} }\n  b: { needs: [a], ${step} }\n  c: { ${step} }`, { jobs: ['b'] }),
  );
  expect(Object.keys(jobs)).toEqual(['a', 'b', 'result']);
  expect(wordsOf(jobs.b)).toEqual(['run', 'b', '--no-needs', '--from', '.lockstep/gitlab/a/run']);
  expect(wordsOf(jobs.result)).toEqual([
    ...['merge', '.lockstep/gitlab/a/run', '.lockstep/gitlab/b/run', '--job', 'b'],
  ]);
});

test.each([
  ['auto', ['DOCKER_TLS_CERTDIR', 'LOCKSTEP_GITLAB_CACHE'], true],
  [
    'dind',
    ['DOCKER_CERT_PATH', 'DOCKER_HOST', 'DOCKER_TLS_CERTDIR', 'DOCKER_TLS_VERIFY', 'LOCKSTEP_GITLAB_CACHE'],
    true,
  ],
  ['socket', ['LOCKSTEP_GITLAB_CACHE'], false],
])('the engine %s', async (engine, variables, beside) => {
  const text = await generate(`  a: { ${step} }`, { options: { engine: [engine] } });
  const job = (parse(text) as Record<string, { services?: unknown; variables: object }>)['.lockstep-job'];
  expect(Object.keys(job?.variables ?? {}).sort()).toEqual(variables);
  expect(job?.services).toEqual(beside ? [{ name: 'docker:28-dind', alias: 'docker' }] : undefined);
});

test('more than GitLab takes is refused', async () => {
  const wide = Array.from({ length: 200 }, (_, n) => `${'v'.repeat(300)}${n}`).join(', ');
  const job = (n: number) => `  j${n}: { matrix: { n: [${wide}] }, ${step} }`;
  await expect(generate([1, 2, 3].map(job).join('\n'))).rejects.toThrow('workflow-too-large');
});
