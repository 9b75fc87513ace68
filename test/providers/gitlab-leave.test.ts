// Whole runs of the real command in a job of GitLab's: what is left for its runner is what GitLab takes.
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { expect, test } from 'vitest';
import { readGitlabLog } from '../rig/gitlab-log.ts';
import { Project } from '../rig/project.ts';

const pipeline = `version: 1
defaults: { image: "busybox:latest" }
jobs:
  build:
    steps:
      - mkdir -p dist && echo '#!/bin/sh' > dist/tool && chmod +x dist/tool && ln -s tool dist/link
      - { id: v, run: 'echo "version=1.2.3" >> "$LOCKSTEP_OUTPUT"; echo "# Built" >> "$LOCKSTEP_SUMMARY"' }
    outputs: { version: "\${{ steps.v.outputs.version }}" }
    artifacts: { app: { paths: [dist] } }
  test:
    matrix: { n: [1, 2] }
    steps: [exit 3]
    allow-failure: true
    reports: { junit: junit.xml, coverage: { cobertura: cov.xml } }
`;
const files = {
  'lockstep.yml': pipeline,
  'src/a.test.ts': 'fail',
  'junit.xml':
    '<testsuite name="s" tests="2"><testcase name="good"/><testcase name="bad" file="src/a.test.ts" line="4"><failure message="no &amp; good"/></testcase></testsuite>',
  'cov.xml':
    '<coverage lines-valid="6" lines-covered="5"><packages><package><classes><class filename="a.ts"><lines><line number="1" hits="1"/></lines></class></classes></package></packages></coverage>',
};

const job = 'https://gitlab.example.org/g/p/-/jobs/7';
const environmentOf = (project: Project, more: Readonly<Record<string, string>> = {}) => ({
  ...{ GITLAB_CI: 'true', CI_PROJECT_DIR: project.path, CI_JOB_URL: job, CI_PROJECT_PATH: 'g/p' },
  ...{ CI_PROJECT_ID: '1', CI_PIPELINE_ID: '5', CI_JOB_ID: '7', CI_PIPELINE_SOURCE: 'push' },
  ...{ CI_COMMIT_BRANCH: 'main', CI_DEFAULT_BRANCH: 'main', CI_COMMIT_REF_NAME: 'main' },
  ...{ CI_COMMIT_SHA: project.sh('git rev-parse HEAD').trim(), CI_COMMIT_REF_PROTECTED: 'true' },
  ...more,
});
const run = (project: Project, args: readonly string[], more?: Readonly<Record<string, string>>) =>
  project.start(args, environmentOf(project, more)).end;

const folder = '.lockstep/gitlab';

test('a run leaves its folder, reports, outputs, problems and links, and its log says the coverage', async () => {
  using project = new Project(files);
  project.commit();
  for (const round of ['first', 'again']) {
    const end = await run(project, ['run', '--exit-code-allowed-failure', '75']);
    expect(end.code, `${round}: ${end.output}`).toBe(75);
    const { result, times, folder: runFolder } = project.lastRun();
    expect(readdirSync(join(project.path, folder)).sort()).toEqual([
      ...['annotations.json', 'artifacts', 'codequality.json', 'coverage', 'junit', 'outputs.env'],
      ...['result.json', 'run', 'summary.md'],
    ]);
    expect(JSON.parse(project.read(`${folder}/result.json`))).toEqual(result);
    expect(statSync(join(project.path, folder, 'run/result.json')).ino).toBe(
      statSync(join(project.path, runFolder, 'result.json')).ino,
    );
    expect(project.read(`${folder}/summary.md`)).toContain('# Built');
    expect(parseEnv(project.read(`${folder}/outputs.env`))).toEqual({
      ...{ LOCKSTEP_STATUS: 'success', LOCKSTEP_DIGEST: times.digest, BUILD_VERSION: '1.2.3' },
    });
    expect(readdirSync(join(project.path, folder, 'junit'))).toEqual([
      'test[n=1].junit.xml',
      'test[n=2].junit.xml',
    ]);
    expect(project.read(`${folder}/coverage/test[n=1].cov.xml`)).toBe(files['cov.xml']);
    const app = join(project.path, folder, 'artifacts/build.app/dist');
    expect(statSync(join(app, 'tool')).mode & 0o111).toBe(0o111);
    expect(readFileSync(join(app, 'link'), 'utf8')).toBe('#!/bin/sh\n');
    const browse = `${job}/artifacts/browse/.lockstep/gitlab/artifacts/build.app/`;
    expect(end.output).toContain(browse);
    expect(project.read(`${folder}/summary.md`)).toContain(browse);
    expect(/^coverage: (\d+(?:\.\d+)?)% of lines/m.exec(end.stdout)?.[1]).toBe('83.3');
    const problems = JSON.parse(project.read(`${folder}/codequality.json`)) as Record<string, unknown>[];
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatchObject({
      ...{ severity: 'minor', location: { path: 'src/a.test.ts', lines: { begin: 4 } } },
      description: expect.stringContaining('no & good') as string,
    });
    const links = JSON.parse(project.read(`${folder}/annotations.json`)) as {
      Lockstep: { external_link: { url: string } }[];
    };
    for (const { external_link } of links.Lockstep)
      expect(existsSync(join(project.path, external_link.url.replace(`${job}/artifacts/file/`, '')))).toBe(
        true,
      );
  }
});

test.each([
  ['of one job, in a section of its own', ['run', 'build'], 2],
  ['of several', ['run'], 1],
])('its log has a section for each step: %s', async (_, words, depth) => {
  using project = new Project(files);
  project.commit();
  const { stdout } = await run(project, words);
  const around = `section_start:1:step_script\r\x1b[0K\n${stdout}section_end:2:step_script\r\x1b[0K\n`;
  const { sections, lines, oddities } = readGitlabLog(around);
  expect(oddities).toEqual([]);
  expect(sections.every(({ seconds }) => seconds !== null)).toBe(true);
  const step = sections.find(({ title }) => title.includes('mkdir -p dist'));
  expect(step?.options).toBe(depth === 1 ? '[collapsed=true]' : '');
  const title = lines.find(({ text }) => text === step?.title);
  expect(title?.within.slice(0, -1)).toHaveLength(depth);
  expect(lines.find(({ text }) => text.startsWith('result sha256:'))?.within).toEqual(['step-script']);
});

test('what is left goes on elsewhere: needs from it, a merge of it, which leaves the whole', async () => {
  using project = new Project({
    'lockstep.yml': `version: 1
defaults: { image: "busybox:latest" }
jobs:
  a: { steps: [{ id: o, run: 'echo "x=1" >> "$LOCKSTEP_OUTPUT"' }], outputs: { x: "\${{ steps.o.outputs.x }}" } }
  b: { needs: [a], steps: ['exit 1'], allow-failure: true }
`,
  });
  project.commit();
  const whole = await run(project, ['run']);
  expect(whole.code, whole.output).toBe(0);
  const { digest } = project.lastRun().times;
  const at = (name: string) => ({ LOCKSTEP_GITLAB_FOLDER: `${folder}/${name}` });
  expect((await run(project, ['run', '--no-needs', 'a'], at('1 a'))).code).toBe(0);
  const from = [`${folder}/1 a/run`];
  expect((await run(project, ['run', '--no-needs', 'b', '--from', ...from], at('2 b'))).code).toBe(0);
  const merged = await run(project, [
    'merge',
    ...from,
    `${folder}/2 b/run`,
    '--exit-code-allowed-failure',
    '75',
  ]);
  expect(merged.code, merged.output).toBe(75);
  expect(project.lastRun().times.digest).toBe(digest);
  expect(parseEnv(project.read(`${folder}/outputs.env`))).toEqual({
    ...{ LOCKSTEP_STATUS: 'success', LOCKSTEP_DIGEST: digest, A_X: '1' },
  });
  expect(existsSync(join(project.path, folder, '1 a/run/result.json'))).toBe(true);
});

test('what cannot be left is said last, and the command does not exit 0; a failed run stays one', async () => {
  using project = new Project({
    'lockstep.yml': `version: 1
jobs:
  a:
    image: "busybox:latest"
    steps: [{ id: o, run: 'printf "x<<E\\none\\ntwo\\nE\\n" >> "$LOCKSTEP_OUTPUT"' }]
    outputs: { x: "\${{ steps.o.outputs.x }}" }
`,
  });
  project.commit();
  const end = await run(project, ['run']);
  expect(end.code, end.output).toBe(3);
  expect(end.output.split('result sha256:')[1]).toMatch(
    /error\[outputs-unfit\]: the output a\.x is no single line/,
  );
  expect(project.read(`${folder}/outputs.env`)).not.toContain('A_X');
  const without = await run(project, ['run'], { LOCKSTEP_GITLAB_DOTENV: 'false' });
  expect(without.code, without.output).toBe(0);
  const merged = await run(project, ['merge', `${folder}/run`]);
  expect(merged.code, merged.output).toBe(3);
  expect(merged.output).toContain('outputs-unfit');
});

test('a cancelled run leaves what there is; a dry run and a machine of your own leave nothing', async () => {
  using project = new Project({
    'lockstep.yml': '{version: 1, jobs: {a: {image: "busybox:latest", steps: [echo up, sleep 300]}}}',
  });
  project.commit();
  const cli = project.start(['run'], environmentOf(project));
  await cli.printed(/^up$/m);
  cli.child.kill('SIGTERM');
  expect((await cli.end).code).toBe(143);
  expect(parseEnv(project.read(`${folder}/outputs.env`)).LOCKSTEP_STATUS).toBe('cancelled');
  using other = new Project({
    'lockstep.yml': '{version: 1, jobs: {a: {image: "busybox:latest", steps: [echo up]}}}',
  });
  other.commit();
  for (const args of [['run'], ['run', '--as', 'gitlab']]) {
    const end = await other.run(...args);
    expect(end.code, end.output).toBe(0);
  }
  expect(existsSync(join(other.path, folder))).toBe(false);
});

test('a log that would be too long: passing steps are cut, a failing one shows its end, all of it is in the job log', async () => {
  using project = new Project({
    'lockstep.yml':
      '{version: 1, jobs: {a: {image: "busybox:latest", steps: [yes some words | head -c 3000000, {run: "yes | head -c 3000000; echo last words; exit 1", if: always()}]}}}',
  });
  project.commit();
  const end = await run(project, ['run'], { LOCKSTEP_LOG_LIMIT: '1MiB' });
  expect(end.code).toBe(1);
  const bytes = Buffer.byteLength(end.stdout) + 40 * (end.stdout.split('\n').length - 1);
  expect(bytes).toBeLessThan(1024 * 1024);
  expect(
    end.stdout.match(/of lines are not shown, since this log may have no more than 1.0 MiB/g),
  ).toHaveLength(2);
  expect(end.stdout).toContain('y\nlast words\n');
  expect(statSync(join(project.path, folder, 'run/logs/a.log')).size).toBeGreaterThanOrEqual(6_000_000);
});
