// What people see on GitHub of `uses: ORG/lockstep@v1`: problems at their places, the log, the summary.
import { expect, onTestFinished, test } from 'vitest';
import { resultsService } from '../fakes/results-service.ts';
import { Project } from '../rig/project.ts';
import { Machine, servedBy, type StepEnd, type Variables } from '../rig/runner.ts';
import { unzip } from '../rig/unzip.ts';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const pipeline = (jobs: string): string =>
  `version: 1\nname: web\ndefaults: { image: "busybox:latest" }\njobs:\n${jobs}`;

function machineFor(
  files: Readonly<Record<string, string>>,
  { git = true, variables = {} }: { readonly git?: boolean; readonly variables?: Variables } = {},
) {
  const project = new Project(files);
  if (git) project.commit();
  const machine = new Machine(project, variables);
  onTestFinished(() => {
    machine[Symbol.dispose]();
    project[Symbol.dispose]();
  });
  return { project, machine };
}

const errors = ({ annotations }: StepEnd) => annotations.filter(({ name }) => name === 'error');
const places = (end: StepEnd): Readonly<Record<string, string | undefined>> =>
  Object.fromEntries(
    errors(end).map(({ properties: { title = '', file, line } }) => [
      title,
      file && `${file}:${String(line)}`,
    ]),
  );

/** A report whose tests are named after what they show. */
const junit = (files: Readonly<Record<string, string>>): string =>
  `<testsuite name="s">${Object.entries(files)
    .map(
      ([name, file]) =>
        `<testcase name="${name}" file="${file}" line="3"><failure message="no ${name}"/></testcase>`,
    )
    .join('')}</testsuite>`;

const failing = `
  test:
    reports: { junit: '**/junit.xml' }
    steps: ['exit 1']
`;

test.each<[string, string, Variables]>([
  ['at the top', 'lockstep.yml', {}],
  ['called from a sub-folder', 'lockstep.yml', { 'working-directory': 'packages/web' }],
  ['with a pipeline file in a sub-folder', 'ci/lockstep.yml', { file: 'ci/lockstep.yml' }],
  ['both', 'ci/lockstep.yml', { 'working-directory': 'ci', file: 'lockstep.yml' }],
])('failed tests stand at their places in the repository, %s', async (_what, file, inputs) => {
  const { machine } = machineFor({
    [file]: pipeline(failing),
    'junit.xml': junit({
      ...{ absolute: '/work/src/a.ts', dotted: './src/a.ts', windows: 'src\\a.ts' },
      ...{ elsewhere: '/etc/passwd', above: '../../a.ts', drive: 'C:\\src\\a.ts' },
    }),
    'packages/web/reports/junit.xml': junit({ inPackage: 'src/web.ts', base: 'Web.java' }),
    'src/a.ts': '',
    'packages/web/src/web.ts': '',
    'packages/web/java/org/Web.java': '',
  });
  const end = await machine.run(inputs);
  expect(end.code, end.log).toBe(1);
  expect(places(end)).toEqual({
    'test: exit 1': undefined,
    ...{ 'test: absolute': 'src/a.ts:3', 'test: dotted': 'src/a.ts:3', 'test: windows': 'src/a.ts:3' },
    ...{ 'test: elsewhere': undefined, 'test: above': undefined, 'test: drive': undefined },
    'test: inPackage': 'packages/web/src/web.ts:3',
    'test: base': 'packages/web/java/org/Web.java:3',
  });
});

test('a checkout without git fills the workspace: places are told from there', async () => {
  const { machine } = machineFor(
    {
      'sub/lockstep.yml': pipeline(failing),
      'sub/junit.xml': junit({ one: 'src/a.ts' }),
      'sub/src/a.ts': '',
      'bad/lockstep.yml': 'version: 1\nstepz: 1\n',
    },
    { git: false },
  );
  const end = await machine.run({ 'working-directory': 'sub' });
  expect(end.code, end.log).toBe(1);
  expect(places(end)).toMatchObject({ 'test: one': 'sub/src/a.ts:3' });
  const bad = await machine.run({ file: 'bad/lockstep.yml' });
  expect(places(bad)).toMatchObject({ 'unknown-key': 'bad/lockstep.yml:2' });
});

test('a mistake is told once, with the line it stands in', async () => {
  const { machine } = machineFor({
    'lockstep.yml': 'version: 1\njobs:\n  a:\n    image: x\n    stepz: []\n',
  });
  const end = await machine.run();
  expect(end.log.match(/stepz: \[\]/g)).toHaveLength(1);
  expect(errors(end)[0]?.data).toBe(
    "lockstep.yml:5:5: error[unknown-key]: there is no key 'stepz' here\n   5 |     stepz: []\n     |     ^^^^^\n  hint: did you mean 'steps'?",
  );
});

test('what is said before the run and in it share the ten warnings that GitHub shows; the others are lines', async () => {
  const names = Array.from({ length: 8 }, (_, at) => `S${at}`);
  const { machine } = machineFor({
    'lockstep.yml':
      pipeline(`${names.map((name) => `  ${name}: { reports: { junit: none.xml }, steps: [echo ${name}] }\n`).join('')}
secrets: { ${names.map((name) => `${name}: {}`).join(', ')} }
`),
  });
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  const warnings = end.annotations.filter(({ name }) => name === 'warning');
  expect(warnings.map(({ properties: { title = '' } }) => title.replace(/^S\d: /, ''))).toEqual([
    ...names.map(() => 'unused-secret'),
    ...['report-missing', 'report-missing'],
  ]);
  expect(stripVTControlCharacters(end.shown).match(/ > warning\[report-missing\]: /g)).toHaveLength(6);
});

test('a failure is seen without opening a fold: its last lines, what failed, the table; a warning is told once', async () => {
  const { machine } = machineFor({
    'lockstep.yml': pipeline(`
  build:
    steps: [{ name: compile, run: echo compiled }]
    reports: { junit: none.xml }
  test:
    needs: [build]
    steps: [{ name: unit tests, run: 'for i in 1 2 3; do echo "line $i"; done; exit 3' }]
  late: { needs: [test], steps: [echo no] }
`),
  });
  const end = await machine.run();
  expect(end.code, end.log).toBe(1);
  const folds = end.commands
    .filter(({ name }) => name === 'group')
    .map(({ data }) => data.replace(/\d+\.\ds$/, 'TIME'));
  expect(folds).toEqual(['build: compile: success in TIME', 'test: unit tests: failure (exit 3) in TIME']);
  const [failed] = errors(end);
  expect(failed?.properties).toEqual({ title: 'test: unit tests' });
  expect(failed?.data).toMatch(
    /^failed: test, unit tests: exit 3 after [\d.]+s\n {2}last lines of \S+\/logs\/test\.log:\n {2}\| line 1\n {2}\| line 2\n {2}\| line 3$/,
  );
  expect(end.log.lastIndexOf('::endgroup::')).toBeLessThan(end.log.indexOf('::error '));
  expect(end.log.match(/no junit report/g)).toHaveLength(1);
  expect(end.annotations.filter(({ name }) => name === 'warning')).toMatchObject([
    {
      properties: { title: 'build: report-missing' },
      data: expect.stringMatching(/^build: no junit/) as string,
    },
  ]);
  expect(stripVTControlCharacters(end.shown)).toMatch(
    /^job\s+status[^]*^late\s+skipped \(needs\)[^]*^result sha256:[0-9a-f]{64}\n/m,
  );
});

test('artifacts can be downloaded from the summary and the log; what is cut of it too', async () => {
  const fake = await resultsService();
  onTestFinished(() => fake.close());
  const { project, machine } = machineFor(
    {
      'lockstep.yml': pipeline(`
  a:
    steps:
      - { name: first, run: "yes '- a line' | head -c 1000000 > \\"$LOCKSTEP_SUMMARY\\"" }
      - { name: second, run: "{ echo '\`\`\`'; yes 'ä line' | head -c 600000; } > \\"$LOCKSTEP_SUMMARY\\"" }
      - { name: third, run: "echo '# the short one' > \\"$LOCKSTEP_SUMMARY\\"; echo hi > made" }
    artifacts: { it: made }
`),
    },
    { variables: servedBy(fake) },
  );
  const end = await machine.run();
  expect(end.code, end.log).toBe(0);
  const link = 'https://github.com/o/r/actions/runs/7/artifacts/';
  expect(end.summary).toMatch(
    new RegExp(`^\\| \`a\` \\| \`it\` \\| 1 \\| 3 B \\| \\[a\\.it\\]\\(<${link}\\d+>\\) \\|$`, 'm'),
  );
  expect(end.shown).toMatch(new RegExp(`artifact it: ${link}\\d+\n`));
  expect(Buffer.byteLength(end.summary)).toBeLessThan(1 << 20);
  expect(end.summary.slice(0, 2000)).toMatch(
    new RegExp(`2 of 3 step summaries, .* The whole: \\[summary\\.md\\]\\(<${link}\\d+>\\)\n`),
  );
  expect(end.summary).toContain('\n# the short one\n');
  expect(end.summary).toContain('ä line\n```\n\n*cut*\n');
  const { folder } = project.lastRun();
  const whole = project.read(join(folder, 'summary.md'));
  expect(whole.length).toBeGreaterThan(1_400_000);
  const artifact = fake.artifacts.find(({ name }) => name.startsWith('summary.'));
  const into = mkdtempSync(join(tmpdir(), 'lockstep-unzipped-'));
  onTestFinished(() => rmSync(into, { recursive: true }));
  await unzip(fake.artifactContent(artifact?.name ?? ''), into);
  expect(readFileSync(join(into, 'summary.md'), 'utf8')).toBe(whole);
});

const twoJobs = {
  'lockstep.yml': pipeline(`
  build:
    steps: [{ name: compile, run: 'echo "### from compile" > "$LOCKSTEP_SUMMARY"; echo hi > made' }]
    artifacts: { it: made }
  test:
    needs: [build]
    reports: { junit: junit.xml, coverage: { cobertura: c.xml } }
    steps: [{ name: unit tests, run: echo the reason; exit 3 }]
`),
  'junit.xml': junit({ one: 'src/a.ts' }),
  'c.xml': '<coverage lines-valid="1000" lines-covered="812"/>',
  'src/a.ts': '',
};

/** The run folders of each job by itself. */
async function runApart(project: Project, machine: Machine): Promise<readonly [string, string]> {
  const runOf = async (inputs: Variables): Promise<string> => {
    await machine.run(inputs);
    return project.lastRun().folder;
  };
  const build = await runOf({ jobs: 'build' });
  return [build, await runOf({ jobs: 'test', args: `--no-needs --from ${build}` })];
}

test('what is merged tells as much as one run', async () => {
  const { project, machine } = machineFor(twoJobs);
  const apart = await runApart(project, machine);
  const united = await machine.run({ command: 'merge', args: apart.join(' ') });
  expect(united.code, united.log).toBe(1);
  expect(united.annotations).toEqual([]);
  expect(stripVTControlCharacters(united.shown)).toMatch(
    /^failed: test, unit tests: exit 3 [^]*\| the reason\n[^]*src\/a\.ts:3 {2}one\n[^]*^build +success/m,
  );
  const whole = await machine.run({ reuse: 'false' });
  expect(comparable(united.summary)).toBe(comparable(whole.summary));
  expect(united.summary).toContain('### from compile');
});

test('no name in the JSON of what is merged is a command of the log', async () => {
  const step = '{ name: "##[error]of a step", run: "true" }';
  const { project, machine } = machineFor({ 'lockstep.yml': pipeline(`  a: { steps: [${step}] }\n`) });
  await machine.run();
  const united = await machine.run({ command: 'merge', args: `--json ${project.lastRun().folder}` });
  expect(united.code, united.log).toBe(0);
  expect(united.annotations).toEqual([]);
  expect(united.log).toContain('"name":"##\u200b[error]of a step"');
});

test('events that are lost, damaged or hostile: what is merged tells what the results say, and shows no other file', async () => {
  const { project, machine } = machineFor({ ...twoJobs, private: 'a private line\n' });
  const [build, tested] = await runApart(project, machine);
  project.sh(`
    rm ${build}/events.jsonl
    { echo no json; head -c 40 ${tested}/events.jsonl; echo; echo '{"type":"step-summary","job":"build","step":0,"markdown":"# not mine"}'
      echo '{"type":"log","job":"test","step":0,"stream":"stdout","offset":0,"bytes":15}'; } > events
    mv events ${tested}/events.jsonl
    ln -sf "$PWD/private" ${tested}/logs/test.log`);
  const united = await machine.run({ command: 'merge', args: `${build} ${tested}` });
  expect(united.code, united.log).toBe(1);
  expect(united.summary).toMatch(
    /^\| `build` \| ✅ success \| [^]*^<code>test<\/code>, unit tests: exit 3 after /m,
  );
  expect(united.summary + united.log).not.toMatch(/not mine|private line/);
});

/** Without times, and of which run. */
const comparable = (summary: string): string =>
  summary.replace(/\b[\d.]+s\b/g, 'TIME').replace(/runs\/[\w-]+/g, 'RUN');
