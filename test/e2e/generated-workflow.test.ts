// What `lockstep generate github` writes, carried out without GitHub, by the test and by act: each job in a folder of its own,
// results handed on as tars.
import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join, matchesGlob } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readInputs } from '../../src/action/inputs.ts';
import { runAct } from '../rig/act.ts';
import { runCli } from '../rig/cli.ts';
import { Project } from '../rig/project.ts';
import { findTool } from '../rig/tool.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

interface Step {
  readonly id?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, string | number | boolean>>;
}
interface Job {
  readonly strategy?: {
    readonly matrix: { readonly include: readonly Readonly<Record<string, string | number>>[] };
  };
  readonly steps: readonly Step[];
}

/** Jobs are in the order of their needs. */
async function carryOut(workflow: string, source: Project) {
  using service = new Project();
  const artifacts = service.path;
  const codes: Record<string, number | null> = {};
  let last = { output: '', digest: '' };
  for (const [id, job] of Object.entries((parse(workflow) as { jobs: Record<string, Job> }).jobs)) {
    for (const matrix of job.strategy?.matrix.include ?? [{}]) {
      using machine = new Project();
      machine.sh(`git clone -q '${source.path}' .`);
      const known: Record<string, string> = {};
      for (const [key, value] of Object.entries(matrix)) known[`matrix.${key}`] = String(value);
      const filled = (text: string): string =>
        text.replace(/\$\{\{ ([\w.]+) \}\}/g, (_, name: string) => known[name] ?? `unknown ${name}`);
      for (const { id: stepId, uses = '', run, env = {}, with: inputs = {} } of job.steps) {
        const given = Object.fromEntries(
          Object.entries(inputs).map(([name, value]) => [name, filled(String(value))]),
        );
        if (run !== undefined) {
          const values = Object.entries(env).map(([name, value]) => [name, filled(value)]);
          execFileSync('bash', ['-e', '-c', run], {
            ...{
              cwd: machine.path,
              env: { ...process.env, ...(Object.fromEntries(values) as Record<string, string>) },
            },
          });
        } else if (uses.startsWith('actions/download-artifact@')) {
          const folder = join(machine.path, given.path ?? '');
          mkdirSync(folder, { recursive: true });
          for (const name of readdirSync(artifacts).filter((one) => matchesGlob(one, given.pattern ?? '')))
            for (const file of readdirSync(join(artifacts, name)))
              copyFileSync(join(artifacts, name, file), join(folder, file));
        } else if (uses.startsWith('actions/upload-artifact@')) {
          const path = given.path ?? '';
          mkdirSync(join(artifacts, given.name ?? ''));
          copyFileSync(join(machine.path, path), join(artifacts, given.name ?? '', basename(path)));
        } else if (stepId === 'lockstep') {
          const read = readInputs(
            Object.fromEntries(
              Object.entries(given).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
            ),
          );
          if ('problems' in read) throw new Error(JSON.stringify(read.problems));
          const { code, output } = await runCli(read.argv, { cwd: machine.path });
          codes[String(matrix.instance ?? id)] = code;
          const { folder, times } = machine.lastRun();
          known['steps.lockstep.outputs.result'] = join(machine.path, folder, 'result.json');
          last = { output, digest: times.digest };
        }
      }
    }
  }
  return { codes, ...last };
}

const pipeline = `version: 1
name: shop
params: { word: { type: string } }
defaults: { image: busybox:latest }
jobs:
  list:
    steps: [{ id: s, run: 'echo "m={\\"n\\": [2, 1]}" >> "$LOCKSTEP_OUTPUT"; echo "echo made" > made.sh; chmod +x made.sh; mkdir e; ln -s made.sh l; echo h > .hidden' }]
    outputs: { m: "\${{ steps.s.outputs.m }}" }
    artifacts: { made: [made.sh, l, e, .hidden] }
  later:
    needs: [list]
    matrix: "\${{ fromJSON(needs.list.outputs.m) }}"
    env: { N: "\${{ matrix.n }}" }
    steps: ['test "$N" = 1; ./l']
    outputs: { n: "\${{ matrix.n }}" }
  test:
    needs: [list]
    matrix: { os: [b, "a c'd"], n: [1, 2] }
    env: { OS: "\${{ matrix.os }}", W: "\${{ params.word }}" }
    steps: ['./made.sh; cat .hidden; test "$W" = "very high"']
    outputs: { os: "\${{ matrix.os }}" }
  dirty: { env: { D: "\${{ git.dirty }}" }, needs: [list], steps: ['test "$D" = false'] }
  skipped: { needs: [later], steps: [echo no] }
  cleanup: { needs: [skipped], if: failure(), steps: [echo cleaning] }
  words:
    needs: [later, test]
    if: always()
    env: { S: "\${{ needs.later.status }} \${{ join(needs.test.outputs.os) }}" }
    steps: ['test "$S" = "failure b,b,a c''d,a c''d"']
`;

const file = '.github/workflows/lockstep.yml';

async function generatedProject(): Promise<Project> {
  const project = new Project({ 'lockstep.yml': pipeline, 'a.txt': 'a' });
  const words = ['generate', 'github', '--param', 'word=very high', '--action', './'];
  expect(await project.run(...words)).toMatchObject({
    code: 0,
    stdout: `${file}: written\n`,
  });
  expect(await project.run(...words, '--check')).toMatchObject({ code: 0 });
  return project;
}

async function digestOfOneRun(project: Project): Promise<string> {
  expect(await project.run('run', '--param', 'word=very high', '--no-reuse')).toMatchObject({ code: 1 });
  return project.lastRun().times.digest;
}

test('the merged digest is that of one run', async () => {
  using project = await generatedProject();
  project.commit();
  const { codes, output, digest } = await carryOut(project.read(file), project);
  expect(codes).toEqual({
    ...{ list: 0, later: 1, 'test[os=b,n=1]': 0, 'test[os=b,n=2]': 0 },
    ...{ "test[os=a c'd,n=1]": 0, "test[os=a c'd,n=2]": 0 },
    ...{ dirty: 0, skipped: 0, cleanup: 0, words: 0, result: 1 },
  });
  expect(output).toMatch(/^failed: later\[n=2\], [^]*^failure in .*: \d+ jobs, /m);
  expect(output.endsWith(`\nresult ${digest}\n`)).toBe(true);
  expect(await digestOfOneRun(project)).toBe(digest);
});

/** In place of GitHub's actions, which come from its own server: a folder is the service. */
const description = `name: folder
description: A folder in place of GitHub's artifacts.
runs: { using: node24, main: main.mjs }
`;
const actionsOfOthers = {
  'upload-artifact/action.yml': description,
  'upload-artifact/main.mjs': `import { cpSync } from 'node:fs';
import { basename, join } from 'node:path';
const { SERVICE, INPUT_NAME, INPUT_PATH } = process.env;
cpSync(INPUT_PATH, join(SERVICE, INPUT_NAME, basename(INPUT_PATH)));
`,
  'download-artifact/action.yml': description,
  'download-artifact/main.mjs': `import { cpSync, globSync } from 'node:fs';
import { join } from 'node:path';
const { SERVICE, INPUT_PATTERN, INPUT_PATH } = process.env;
for (const name of globSync(INPUT_PATTERN, { cwd: SERVICE }))
  cpSync(join(SERVICE, name), INPUT_PATH, { recursive: true });
`,
};

const act = await findTool('act');

test.skipIf('missing' in act)(
  `act runs it to the same digest${'missing' in act ? ` (${act.missing})` : ''}`,
  async () => {
    using project = await generatedProject();
    using others = new Project(actionsOfOthers);
    using service = new Project();
    for (const name of ['action.yml', 'dist', '.gitignore'])
      cpSync(at(name), join(project.path, name), { recursive: true });
    project.commit();
    project.sh('git remote add origin https://github.com/o/r.git');
    const replaced = [...new Set(project.read(file).match(/actions\/(?:up|down)load-artifact@\w+/g))].flatMap(
      (used) => ['--local-repository', `${used}=${join(others.path, used.replace(/^actions\/|@.*/g, ''))}`],
    );
    const { code, output } = await runAct(act, project, {
      ...{ workflow: 'lockstep.yml', image: null, cache: project.cache },
      words: ['--env', `SERVICE=${service.path}`, ...replaced],
    });
    const ends = [...output.matchAll(/^\[shop\/(.*?) *\] .*Job (succeeded|failed)$/gm)];
    expect(Object.fromEntries(ends.map(([, job, end]) => [job, end])), output).toEqual({
      ...{ list: 'succeeded', later: 'failed' },
      ...{ 'test[os=b,n=1]-1': 'succeeded', 'test[os=b,n=2]-2': 'succeeded' },
      ...{ "test[os=a c'd,n=1]-3": 'succeeded', "test[os=a c'd,n=2]-4": 'succeeded' },
      ...{ dirty: 'succeeded', skipped: 'succeeded', cleanup: 'succeeded', words: 'succeeded' },
      result: 'failed',
    });
    expect(code).toBe(1);
    expect(output).toMatch(
      new RegExp(`^\\[shop/result +\\].* result ${await digestOfOneRun(project)}$`, 'm'),
    );
  },
);

test("the snippet is what it makes of the README's example", async () => {
  const [, example = ''] = /^```yaml\n([^]*?)^```$/m.exec(readFileSync(at('README.md'), 'utf8')) ?? [];
  using project = new Project({ 'lockstep.yml': example });
  const words = ['generate', 'github', '--action', 'ORG/lockstep@v1', '--output', '-'];
  const { stdout } = await project.run(...words);
  await expect(stdout).toMatchFileSnapshot(at('templates/github/fan-out.yml'));
});

test('a stale file is told, and a bad word refused', async () => {
  using project = new Project({ 'lockstep.yml': pipeline });
  const words = ['generate', 'github', '-p', 'word=x', '--action', 'example/lockstep@v1'];
  expect(await project.run(...words, '--check')).toMatchObject({
    ...{ code: 1, stdout: expect.stringContaining('stale: it is not there') as string },
  });
  await project.run(...words);
  expect(await project.run(...words, '--output', '-')).toMatchObject({ code: 0, stdout: project.read(file) });
  project.write({ [file]: project.read(file).replace('contents: read', 'contents: write') });
  expect(await project.run(...words, '--check')).toMatchObject({
    code: 1,
    stdout: `${file}: stale: line 10 is "contents: write", and would be "contents: read"; to put it right, run this without --check\n`,
  });
  expect(await project.run(...words, '--output', 'lockstep.yml/no')).toMatchObject({
    ...{ code: 3, stderr: expect.stringContaining('workflow-file') as string },
  });
  for (const bad of [['--action', 'no'], ['--on', ','], ['nosuchjob'], ['-p', 'nosuch=1']])
    expect(await project.run(...words, ...bad)).toMatchObject({ code: 2 });
  const { code, stderr } = await project.run('generate', 'github');
  expect([code, stderr]).toEqual([2, expect.stringContaining('--action')]);
});
