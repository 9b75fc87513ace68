// What is left in a checkout for Jenkins, on a disk of the test's own.
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { leaveForJenkins } from '../../../providers/jenkins/leave.ts';
import { renderSarif } from '../../../providers/jenkins/sarif.ts';
import type { Annotation } from '../../../src/contract/log-style.ts';
import type { EndedRunFacts } from '../../../src/contract/provider.ts';
import { noSmallDisk, SmallDisk } from '../../rig/small-disk.ts';

const problem: Annotation = {
  ...{ level: 'error', title: 'test: adds', message: 'expected 2\n\tfound 3' },
  ...{ file: 'src/a b.ts', line: 7, column: 3 },
};

interface Sarif {
  readonly version: string;
  readonly runs: readonly {
    readonly results: readonly {
      readonly ruleId: string;
      readonly level: string;
      readonly message: { readonly text: string };
      readonly locations?: readonly { readonly physicalLocation: unknown }[];
    }[];
  }[];
}
const read = (text: string) => (JSON.parse(text) as Sarif).runs[0]?.results ?? [];
const rendered = (...problems: readonly Annotation[]) => read(renderSarif(problems, (file) => file));
const placed = (results: ReturnType<typeof read>) =>
  results.map(({ locations }) => locations?.[0]?.physicalLocation);

describe('SARIF', () => {
  test('a problem at its place', () => {
    expect(JSON.parse(renderSarif([], (file) => file))).toMatchObject({
      version: '2.1.0',
      runs: [{ tool: { driver: { name: 'Lockstep' } }, results: [] }],
    });
    expect(rendered(problem)).toEqual([
      {
        ...{ ruleId: 'test: adds', level: 'error', message: { text: 'expected 2\n\tfound 3' } },
        locations: [
          {
            physicalLocation: {
              artifactLocation: { uri: 'src/a%20b.ts' },
              region: { startLine: 7, startColumn: 3 },
            },
          },
        ],
      },
    ]);
  });

  test('without a line or a file; levels', () => {
    const { line, column, ...lineless } = problem;
    const { file, ...bare } = lineless;
    expect([line, column, file]).toEqual([7, 3, 'src/a b.ts']);
    const results = rendered({ ...lineless, level: 'warning' }, { ...bare, level: 'notice' });
    expect(results.map(({ level }) => level)).toEqual(['warning', 'note']);
    expect(placed(results)).toEqual([{ artifactLocation: { uri: 'src/a%20b.ts' } }, undefined]);
  });

  test('no name becomes another file, and no text breaks the report', () => {
    const file = 'http:/x#y?z\udcff/é%.ts';
    expect(placed(rendered({ ...problem, file }))).toMatchObject([
      { artifactLocation: { uri: 'http%3A/x%23y%3Fz%EF%BF%BD/%C3%A9%25.ts' } },
    ]);
    const [odd] = rendered({ ...problem, title: 'a\0b\x1b[31m\udcff', message: ' \n' });
    expect([odd?.ruleId, odd?.message.text]).toEqual(['a b [31m\ufffd', 'a b [31m\ufffd']);
  });
});

describe('on disk', () => {
  let top: string;
  beforeEach(() => {
    top = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-jenkins-')));
  });
  afterEach(() => rmSync(top, { recursive: true }));
  const ended = (root: string, problems: readonly Annotation[] = []): EndedRunFacts => ({
    ...{ root, folder: join(root, '.lockstep/runs/r'), digest: 'sha256:d', problems, reports: [] },
    result: {
      ...{ schema: 1, pipeline: null, platform: 'linux/amd64', params: {}, source: 'sha256:0' },
      ...{ status: 'success', jobs: {} },
    },
  });
  const report = (root: string) => readFileSync(join(root, '.lockstep/jenkins/sarif.json'), 'utf8');

  test('paths are from the top of the workspace; the next run takes its place, also without problems', async () => {
    const root = join(top, 'app');
    mkdirSync(root);
    symlinkSync(top, `${top}.link`);
    try {
      for (const WORKSPACE of [top, `${top}.link`]) {
        expect(await leaveForJenkins({ WORKSPACE }, ended(root, [problem]))).toEqual([]);
        expect(report(root)).toContain('"app/src/a%20b.ts"');
      }
    } finally {
      rmSync(`${top}.link`);
    }
    for (const WORKSPACE of ['', '/nowhere', join(root, 'other')]) {
      await leaveForJenkins({ WORKSPACE }, ended(root, [problem]));
      expect(report(root)).toContain('"src/a%20b.ts"');
    }
    expect(await leaveForJenkins({}, ended(root))).toEqual([]);
    expect(read(report(root))).toEqual([]);
    expect(readdirSync(join(root, '.lockstep/jenkins'))).toEqual(['sarif.json']);
  });

  test('a folder that is a link is not written through', async () => {
    mkdirSync(join(top, '.lockstep'));
    mkdirSync(join(top, 'elsewhere'));
    symlinkSync(join(top, 'elsewhere'), join(top, '.lockstep/jenkins'));
    expect(await leaveForJenkins({}, ended(top))).toMatchObject([{ code: 'leave-folder' }]);
    expect(readdirSync(join(top, 'elsewhere'))).toEqual([]);
  });

  test.skipIf(noSmallDisk !== null)(
    `a full disk: told, and neither half of it is there nor that of an earlier run (${noSmallDisk ?? 'runs'})`,
    async () => {
      using disk = new SmallDisk(1);
      const root = realpathSync(disk.path);
      await leaveForJenkins({}, ended(root));
      writeFileSync(join(root, 'fill'), Buffer.alloc(900_000));
      const many = Array.from({ length: 5000 }, () => problem);
      const [failure, ...more] = await leaveForJenkins({}, ended(root, many));
      expect([failure?.code, more]).toEqual(['not-left', []]);
      expect(failure?.message).toMatch(/sarif\.json cannot be written: Jenkins will not have it$/);
      expect(readdirSync(join(root, '.lockstep/jenkins'))).toEqual([]);
    },
  );
});
