// What `lockstep generate gitlab` writes, run by gitlab-ci-local: each GitLab job in a container of its own, results handed on as
// artifacts.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, expect, test } from 'vitest';
import { runGitlabPipeline } from '../rig/gitlab-ci-local.ts';
import { buildLockstepImage, lockstepImage } from '../rig/image.ts';
import { Project } from '../rig/project.ts';
import { findTool } from '../rig/tool.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

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
  image:
    needs: [list]
    matrix: { os: [b, "$HOME c'd"] }
    max-parallel: 1
    env: { OS: "\${{ matrix.os }}", W: "\${{ params.word }}" }
    steps: ['./made.sh; cat .hidden; test "$W" = "\\$(id) it''s"']
    outputs: { os: "\${{ matrix.os }}" }
  soft: { allow-failure: true, steps: [exit 3] }
  skipped: { needs: [later], steps: [echo no] }
  words:
    needs: [later, image, soft]
    if: always()
    env: { D: "\${{ git.dirty }}", S: "\${{ needs.later.status }} \${{ join(needs.image.outputs.os) }}" }
    steps: ['test "$D, $S" = "false, failure b,\\$HOME c''d"']
`;

/** Its own option for variables does not reach child pipelines. */
const variables = 'GITLAB_CI: "true"\nCI_DISPOSABLE_ENVIRONMENT: "true"\n';

function gitlabProject(files: Readonly<Record<string, string>>): Project {
  const project = new Project({
    'lockstep.yml': pipeline,
    'template.yml': readFileSync(at('templates/lockstep-fan-out/template.yml'), 'utf8'),
    '.gitlab-ci-local-variables.yml': variables,
    '.gitignore': '.gitlab-ci-local\n',
    ...files,
  });
  project.commit();
  project.sh(`git remote add origin https://gitlab.example.com/group/shop.git
    git update-ref refs/remotes/origin/main HEAD
    git symbolic-ref refs/remotes/origin/HEAD refs/remotes/origin/main`);
  return project;
}

const endsIn = (output: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    [
      ...output.matchAll(/^ (PASS|FAIL|WARN(?=.* pre_script$)) +(?:\[.*?\] -> )?(.*?) *(?:pre_script)?$/gm),
    ].map(([, end = '', job = '']) => [job, end]),
  );

const tool = await findTool('gitlab-ci-local');
const missing = 'missing' in tool ? ` (${tool.missing})` : '';
beforeAll(() => {
  if (missing === '') buildLockstepImage();
});

test.skipIf(missing !== '')(
  `a child pipeline made at run time gives the digest of one run${missing}`,
  async () => {
    const word = "$(id) it's";
    using project = gitlabProject({
      '.gitlab-ci.yml': `include:
  - local: template.yml
    inputs:
      image: ${lockstepImage}
      engine: socket
      tags: [docker]
      params: ["word=$$(id) it's"]
`,
    });
    const { output, artifacts } = await runGitlabPipeline(tool, project);
    expect(endsIn(output), output).toEqual({
      ...{ 'lockstep-plan': 'PASS', lockstep: 'PASS', list: 'PASS', later: 'FAIL', soft: 'WARN' },
      ...{ 'image[os=b]': 'PASS', "image[os=$HOME c'd]": 'PASS', skipped: 'PASS', words: 'PASS' },
      result: 'FAIL',
    });
    expect(await project.run('run', '--param', `word=${word}`, '--no-reuse')).toMatchObject({ code: 1 });
    const { digest } = project.lastRun().times;
    expect(output).toMatch(new RegExp(`-> result +> result ${digest}$`, 'm'));
    const left = (job: string, file: string): string => join(artifacts(job), '.lockstep/gitlab', job, file);
    expect(readFileSync(left('result', 'outputs.env'), 'utf8')).toContain(`LOCKSTEP_DIGEST=${digest}\n`);
    expect(existsSync(left('list', 'run/artifacts/list/made/made.sh'))).toBe(true);
    expect(existsSync(left('list', 'artifacts/list.made/made.sh'))).toBe(false);
    expect(existsSync(left('result', 'run/artifacts/list/made/made.sh'))).toBe(false);
  },
);

test.skipIf(missing !== '')('a committed one, of jobs of which only allowed ones failed, warns', async () => {
  using project = gitlabProject({});
  const words = [
    'generate',
    'gitlab',
    'soft',
    '-p',
    'word=x',
    '--image',
    lockstepImage,
    '--engine',
    'socket',
  ];
  const file = '.gitlab/lockstep.yml';
  expect(await project.run(...words)).toMatchObject({ code: 0, stdout: `${file}: written\n` });
  expect(await project.run(...words, '--check')).toMatchObject({ code: 0 });
  const { code, output } = await runGitlabPipeline(tool, project, ['--file', file]);
  expect(endsIn(output), output).toEqual({ soft: 'WARN', result: 'WARN' });
  expect(code).toBe(0);
});

test('a stale file is told, and a bad word refused', async () => {
  using project = new Project({ 'lockstep.yml': pipeline });
  const words = ['generate', 'gitlab', '-p', 'word=x', '--image', 'example/lockstep:1'];
  expect(await project.run(...words, '--check')).toMatchObject({
    ...{ code: 1, stdout: expect.stringContaining('stale: it is not there') as string },
  });
  await project.run(...words);
  expect(await project.run(...words, '--tags', 'a,b', '--tags', 'c', '--check')).toMatchObject({
    ...{ code: 1, stdout: expect.stringContaining('--tags a,b,c') as string },
  });
  for (const bad of [['--engine', 'no'], ['--tags', ','], ['--image', ''], ['nosuchjob']])
    expect(await project.run(...words, ...bad)).toMatchObject({ code: 2 });
  const { code, stderr } = await project.run('generate', 'gitlab');
  expect([code, stderr]).toEqual([2, expect.stringContaining('--image')]);
});
