// The component in gitlab-ci-local, in the image of the Dockerfile with the engine's socket: what GitLab would make of its jobs.
import { cpSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { runGitlabPipeline } from '../rig/gitlab-ci-local.ts';
import { buildLockstepImage, lockstepImage } from '../rig/image.ts';
import { Project } from '../rig/project.ts';
import { findTool } from '../rig/tool.ts';

const template = fileURLToPath(new URL('../../templates/lockstep/template.yml', import.meta.url));
const tool = await findTool('gitlab-ci-local');

const pipeline = `version: 1
name: component
params: { words: { type: string, default: none } }
secrets: [TOKEN, CERTIFICATE]
jobs:
  build:
    image: busybox:latest
    env: { WORDS: "\${{ params.words }}", BRANCH: "\${{ git.branch }}" }
    steps:
      - id: made
        run: echo "said $WORDS on $BRANCH"; echo version=1.2 >> $LOCKSTEP_OUTPUT
      - secrets: [TOKEN, CERTIFICATE]
        run: echo "token $TOKEN"; echo "$CERTIFICATE"
      - run: echo '<testsuite name="s"><testcase name="t"/></testsuite>' > junit.xml
    outputs: { version: "\${{ steps.made.outputs.version }}" }
    reports: { junit: junit.xml }
    artifacts: { site: [junit.xml] }
  warn: { image: "busybox:latest", allow-failure: true, steps: [exit 4] }
  break:
    image: busybox:latest
    steps:
      - echo '<testsuite name="s"><testcase name="adds" file="a.txt" line="3"><failure message="not 2"/></testcase></testsuite>' > junit.xml
      - echo '<coverage lines-valid="6" lines-covered="5"/>' > cov.xml
      - exit 1
    reports: { junit: junit.xml, coverage: { cobertura: cov.xml } }
`;

interface ComponentJob {
  readonly coverage: string;
  readonly artifacts: {
    readonly reports: {
      readonly junit: string;
      readonly coverage_report: { readonly path: string };
      readonly codequality: string;
      readonly annotations: string;
    };
  };
}
function componentJob(): ComponentJob {
  const [, jobs] = parseAllDocuments(readFileSync(template, 'utf8'));
  const { '$[[ inputs.job-name ]]': job } = jobs?.toJS() as Record<string, ComponentJob>;
  if (job === undefined) throw new Error('the component has no job');
  return job;
}

const input = (more: object): object => ({
  image: lockstepImage,
  engine: 'socket',
  // None is what GitLab takes and its schema does not.
  tags: ['any'],
  ...more,
});
const words = `it's "me", $CI_COMMIT_BRANCH; $(id) \\ #{x}`;
const jobs = {
  fine: input({ 'job-name': 'check all of it', jobs: ['build'], params: [`words=${words}`] }),
  warning: input({ 'job-name': 'warning', jobs: ['warn'], dotenv: false }),
  failing: input({ 'job-name': 'failing', jobs: ['break'], reuse: 'fresh', parallel: 2 }),
};
const local = '/templates/lockstep/template.yml';
const ci = JSON.stringify({
  include: Object.values(jobs).map((inputs) => ({ local, inputs })),
  after: {
    stage: 'deploy',
    image: 'busybox:latest',
    needs: ['check all of it'],
    script: ['echo "it is $BUILD_VERSION"', 'ls .lockstep/gitlab'],
  },
});

describe.skipIf('missing' in tool)(`the component${'missing' in tool ? ` (${tool.missing})` : ''}`, () => {
  beforeAll(buildLockstepImage);

  const projectWith = (configuration: string): Project => {
    const ignored = '.lockstep\n.gitlab-ci-local\n';
    const project = new Project({
      ...{ 'lockstep.yml': pipeline, '.gitlab-ci.yml': configuration, '.gitignore': ignored },
    });
    cpSync(template, join(project.path, local));
    project.commit();
    project.sh('git remote add origin https://gitlab.example.com/o/r.git');
    return project;
  };

  test('its jobs, what they leave for GitLab and for the jobs after them, and the second time', async () => {
    using project = projectWith(ci);
    // Where the runner writes a variable of type file.
    const file = '/builds/o/r.tmp/CERTIFICATE';
    const values = { TOKEN: 'hunter2hunter2', CERTIFICATE: 'first line\nsecond line\n' };
    project.write({ '.lockstep/certificate': values.CERTIFICATE });
    const secrets = [
      ...['--variable', `TOKEN=${values.TOKEN}`, '--variable', `CERTIFICATE=${file}`],
      ...['--volume', `${project.path}/.lockstep/certificate:${file}:ro`],
    ];
    const first = await runGitlabPipeline(tool, project, secrets);
    expect(first.output).toMatch(/^check all of it finished in [\d.]+ m?s$/m);
    expect(first.output).toMatch(/^warning +finished in .* WARN 75 *$/m);
    expect(first.output).toMatch(/^failing +finished in .* FAIL 1 *$/m);
    expect(first.output).toContain(`said it's "me", main; $(id) \\ #{x} on main`);
    expect(first.output).toContain('token ***');
    expect(first.output).not.toMatch(/hunter2|first line|second line/);
    expect(first.output).toContain('it is 1.2');
    expect(first.output).toMatch(/^check all of it \$ lockstep sweep --ended$/m);
    expect(first.output).toMatch(/^check all of it > (nothing was left behind|removed \d+ left-overs?)$/m);

    const left = (name: string): string =>
      readFileSync(join(first.artifacts('check all of it'), name), 'utf8');
    expect(JSON.parse(left('.lockstep/gitlab/result.json'))).toMatchObject({ status: 'success' });
    expect(left('.lockstep/gitlab/outputs.env')).toMatch(/^BUILD_VERSION=1\.2$/m);
    expect(readdirSync(join(first.artifacts('check all of it'), '.lockstep/gitlab/junit'))).toHaveLength(1);

    // By the component's own words for where GitLab finds them.
    const { coverage, artifacts } = componentJob();
    const reported = (path: string): string => {
      const at = join(first.artifacts('failing'), path);
      const names = path.endsWith('*.xml') ? readdirSync(dirname(at)) : [basename(at)];
      expect(names).toHaveLength(1);
      return readFileSync(join(dirname(at), names[0] ?? ''), 'utf8');
    };
    expect(reported(artifacts.reports.junit)).toContain('not 2');
    expect(reported(artifacts.reports.coverage_report.path)).toContain('lines-covered="5"');
    expect(JSON.parse(reported(artifacts.reports.codequality))).toMatchObject([
      { severity: 'major', location: { path: 'a.txt', lines: { begin: 3 } } },
    ]);
    expect(JSON.parse(reported(artifacts.reports.annotations))).toHaveProperty('Lockstep');
    const found = new RegExp(coverage.slice(1, -1), 'm');
    const lines = first.output.split('\n').map((line) => line.replace(/^failing +> /, ''));
    expect(lines.flatMap((line) => found.exec(line)?.[1] ?? [])).toContain('83.3');

    const said = `words=${words.replace('$CI_COMMIT_BRANCH', 'main')}`;
    const given = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [`LOCKSTEP_SECRET_${name}`, value]),
    );
    const here = await project.start(['run', 'build', '--param', said], given).end;
    expect(here.code, here.output).toBe(0);
    const { digest } = project.lastRun().times;
    expect(first.output).toContain(`result ${digest}`);

    // Its machine is another container, with what GitLab's cache kept.
    const second = await runGitlabPipeline(tool, project, [...secrets, '--job', 'check all of it']);
    expect(second.code, second.output).toBe(0);
    expect(second.output).toContain(`result ${digest}`);
    expect(second.output).toMatch(/reused/);
  });

  test('the four ways to include it', async () => {
    const includes = {
      local: { local },
      remote: { remote: 'https://gitlab.example.com/ORG/lockstep/-/raw/v1/templates/lockstep/template.yml' },
      project: { project: 'ORG/lockstep', ref: 'v1', file: local },
      component: { component: 'gitlab.example.com/ORG/lockstep/lockstep@v1' },
    };
    // What it fetched before it does not fetch again.
    const fetched = ['-/raw/v1', 'v1'].map((at) => `gitlab.example.com/ORG/lockstep/${at}${local}`);
    using project = projectWith('{}');
    for (const name of fetched) cpSync(template, join(project.path, '.gitlab-ci-local/includes', name));
    const previews: string[] = [];
    for (const include of Object.values(includes)) {
      const inputs = input({ 'job-name': 'one' });
      project.write({ '.gitlab-ci.yml': JSON.stringify({ include: [{ ...include, inputs }] }) });
      const { code, output, stdout } = await runGitlabPipeline(tool, project, ['--preview']);
      expect(code, output).toBe(0);
      previews.push(stdout);
    }
    expect(previews[0]).toContain('exec lockstep run');
    expect(new Set(previews).size).toBe(1);
  });
});
