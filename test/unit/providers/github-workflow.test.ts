import { beforeAll, expect, onTestFinished, test } from 'vitest';
import { parse } from 'yaml';
import { splitWords } from '../../../src/action/words.ts';
import { githubGenerator } from '../../../providers/github/generator.ts';
import { findDifference, generateFanOut, type GenerateWords } from '../../../src/compose/generate.ts';
import { findPipelineFile } from '../../../src/compose/pipeline-file.ts';
import { shellLine } from '../../../src/model/shell-words.ts';
import { Project } from '../../rig/project.ts';
import { loadWorkflowParser, type WorkflowProblems } from '../../rig/workflow-parser.ts';
import { step, undividedMatrices } from './undivided-matrices.ts';

let problemsOf: WorkflowProblems;
beforeAll(async () => {
  problemsOf = await loadWorkflowParser();
});

const plain: GenerateWords = {
  ...{ jobs: [], params: {}, allow: [], command: ['lockstep', 'generate', 'github', '-p', 'a=b c'] },
};

async function generate(
  jobs: string,
  { runsOn = ['box'], ...words }: Partial<GenerateWords> & { runsOn?: readonly string[] } = {},
  head = '',
): Promise<string> {
  const project = new Project({
    'lockstep.yml': `version: 1\n${head}\ndefaults: { image: i }\njobs:\n${jobs}`,
  });
  onTestFinished(() => project[Symbol.dispose]());
  const file = findPipelineFile(project.path, undefined);
  if (!file.ok) throw new Error(file.failure.message);
  const environment = { XDG_CACHE_HOME: project.cache };
  const options = { action: ['example/lockstep@v1'], on: ['push'], 'runs-on': runsOn };
  const made = await generateFanOut(file.value, { ...plain, ...words }, environment, (fanOut) =>
    githubGenerator.render(fanOut, options),
  );
  if (!made.ok) throw new Error(made.failure.code);
  expect(made.value.diagnostics).toEqual([]);
  return made.value.text ?? '';
}

interface Workflow {
  readonly jobs: Readonly<
    Record<
      string,
      {
        readonly if?: string;
        readonly needs?: readonly string[];
        readonly strategy?: { readonly matrix: { readonly include: readonly Record<string, unknown>[] } };
        readonly steps: readonly {
          readonly id?: string;
          readonly with?: Readonly<Record<string, unknown>>;
        }[];
      }
    >
  >;
}
const jobsOf = (text: string) => (parse(text) as Workflow).jobs;
const inputsOf = (text: string, job: string) =>
  jobsOf(text)[job]?.steps.find(({ id }) => id === 'lockstep')?.with;

test('every kind of job has its place, and GitHub accepts it', async () => {
  const text = await generate(
    [
      `  build: { steps: [echo hi], artifacts: { made: [a] } }`,
      `  test:`,
      `    needs: [build]`,
      `    matrix: { os: [a, "b c'd"], node: [20, 22] }`,
      `    max-parallel: 2`,
      `    ${step}`,
      `  deploy: { needs: [build, test], if: always(), secrets: [TOKEN], ${step} }`,
    ].join('\n'),
    { params: { level: 'very high' }, allow: ['privileged'], runsOn: ['self-hosted', 'linux'] },
    'name: shop\nsecrets: { TOKEN: {} }\nparams: { level: { type: string } }',
  );
  expect(await problemsOf('all.yml', text)).toEqual([]);
  await expect(text).toMatchFileSnapshot('github-workflow.golden.yml');
});

test('it is the same text again', async () => {
  const jobs = `  a: { matrix: { n: [2, 1] }, ${step} }`;
  expect(await generate(jobs)).toBe(await generate(jobs));
});

test.each(undividedMatrices)('all instances run in one job of GitHub: %s', async (_, jobs, why) => {
  const text = await generate(jobs);
  expect(await problemsOf('m.yml', text)).toEqual([]);
  expect(text).toMatch(new RegExp(`  m:\n    # All instances run here: .*${why}`));
  expect(jobsOf(text).m?.strategy).toBeUndefined();
  expect(inputsOf(text, 'result')?.args).toMatch(/(^| )\.lockstep\/from\/m$/);
});

test('a matrix of params fans out with those of the command line', async () => {
  const text = await generate(
    `  m: { matrix: { n: "\${{ fromJSON(params.list) }}" }, ${step} }`,
    { params: { list: '["x","y"]' } },
    'params: { list: { type: string } }',
  );
  expect(jobsOf(text).m?.strategy?.matrix.include.map(({ instance }) => instance)).toEqual([
    'm[n=x]',
    'm[n=y]',
  ]);
  expect(inputsOf(text, 'm')).toEqual({ params: 'list=["x","y"]', jobs: 'm', args: '${{ matrix.only }}' });
});

test('ids are legal and distinct, whatever jobs are called', async () => {
  const long = 'x'.repeat(120);
  const text = await generate(
    `  Result: { ${step} }\n  b: { needs: [Result], ${step} }\n  ${long}: { ${step} }\n  ${long}y: { ${step} }`,
  );
  expect(await problemsOf('ids.yml', text)).toEqual([]);
  const ids = Object.keys(jobsOf(text));
  expect(new Set(ids.map((id) => id.toLowerCase())).size).toBe(5);
  expect(ids.every((id) => id.length < 100)).toBe(true);
  expect(inputsOf(text, 'b')).toMatchObject({
    args: '--no-needs --from .lockstep/from/Result',
  });
});

test('a job gets the secrets that it uses, and only some jobs are merged when only some were asked for', async () => {
  const text = await generate(
    `  a: { ${step} }\n  b: { needs: [a], ${step}, secrets: [T, S] }\n  c: { ${step}, secrets: [U] }`,
    { jobs: ['b'] },
    'secrets: { S: {}, T: {}, U: {} }',
  );
  expect(Object.keys(jobsOf(text))).toEqual(['a', 'b', 'result']);
  expect(inputsOf(text, 'a')).toEqual({ jobs: 'a' });
  expect(inputsOf(text, 'b')).toMatchObject({
    secrets: '{ "S": ${{ toJSON(secrets.S) }}, "T": ${{ toJSON(secrets.T) }} }',
  });
  expect(inputsOf(text, 'result')).toEqual({
    ...{ command: 'merge', jobs: 'b', args: '.lockstep/from/a .lockstep/from/b' },
  });
});

test('what GitHub would evaluate is escaped', async () => {
  const text = await generate(`  m: { matrix: { n: ["\${{ '\${{' }} github.token }}", 2] }, ${step} }`);
  expect(await problemsOf('escaped.yml', text)).toEqual([]);
  expect(jobsOf(text).m?.strategy?.matrix.include[0]).toEqual({
    ...{ instance: "m[n=${{ '${{' }} github.token }}]", number: 1 },
    only: "--matrix 'n=${{ '${{' }} github.token }}'",
  });
});

test('more than GitHub takes is refused', async () => {
  const job = (n: number) => `  ${'j'.repeat(80)}${n}: { matrix: { n: [${wide}] }, ${step} }`;
  const wide = Array.from({ length: 200 }, (_, n) => `${'v'.repeat(300)}${n}`).join(', ');
  await expect(generate(Array.from({ length: 6 }, (_, n) => job(n)).join('\n'))).rejects.toThrow(
    'workflow-too-large',
  );
});

test('words of a line come back', () => {
  const words = ['a b', "it's", '$(id)', '', '--x=1', 'a\nb', '"', '\\', '*'];
  expect(splitWords(shellLine(words))).toEqual({ ok: true, value: words });
});

test('the first difference is named', () => {
  const project = new Project({
    same: 'a\nb\n',
    crlf: 'a\r\nb\r\n',
    less: 'a\n',
    more: 'a\nb\nc\n',
    other: 'a\nx\n',
  });
  onTestFinished(() => project[Symbol.dispose]());
  const compare = (name: string) => findDifference(`${project.path}/${name}`, 'a\nb\n');
  expect(compare('same')).toEqual({ ok: true, value: null });
  expect(compare('crlf')).toEqual({ ok: true, value: null });
  expect(compare('less')).toEqual({ ok: true, value: 'line 2 is "", and would be "b"' });
  expect(compare('more')).toEqual({ ok: true, value: 'line 3 is "c", and would be ""' });
  expect(compare('other')).toEqual({ ok: true, value: 'line 2 is "x", and would be "b"' });
  expect(compare('none')).toEqual({ ok: true, value: 'it is not there' });
  expect(compare('.')).toMatchObject({ ok: false, failure: { code: 'workflow-file' } });
  project.write({ long: `${'x'.repeat(300)} old` });
  expect(findDifference(`${project.path}/long`, `${'x'.repeat(300)} new`)).toEqual({
    ...{ ok: true, value: `line 1 is "…${'x'.repeat(19)} old", and would be "…${'x'.repeat(19)} new"` },
  });
});
