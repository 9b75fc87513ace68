// What is left in a checkout for GitLab, on a disk of the test's own.
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { gitlabArtifacts } from '../../../providers/gitlab/artifacts.ts';
import { leaveForGitlab } from '../../../providers/gitlab/leave.ts';
import type { EndedRunFacts, Environment } from '../../../src/contract/provider.ts';
import { diskPath } from '../../../src/model/path-bytes.ts';
import { resultText, type JobResult, type RunResult } from '../../../src/model/result.ts';
import { noSmallDisk, SmallDisk } from '../../rig/small-disk.ts';

let root: string;
let folder: string;
let environment: Environment;

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-leave-')));
  folder = join(root, '.lockstep/gitlab');
  environment = { CI_PROJECT_DIR: root, CI_JOB_URL: 'https://gitlab.example.org/g/p/-/jobs/7' };
});
afterEach(() => rmSync(root, { recursive: true }));

const build: JobResult = {
  ...{ status: 'success', 'allowed-failure': false, steps: [] },
  ...{ outputs: { version: '1' }, artifacts: { app: 'sha256:1' } },
};
const result: RunResult = {
  ...{
    schema: 1,
    pipeline: null,
    platform: 'linux/amd64',
    params: {},
    source: 'sha256:0',
    status: 'success',
  },
  jobs: { build },
};

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

/** A run folder with these files beside those that every run has. */
function ended(
  files: Readonly<Record<string, string>> = {},
  more: Partial<EndedRunFacts> = {},
): EndedRunFacts {
  const run = join(root, '.lockstep/runs/r1');
  for (const [path, content] of Object.entries({
    ...{ 'result.json': resultText(result), 'summary.md': '## done\n', 'logs/build.log': 'x' },
    ...files,
  }))
    write(join(run, path), content);
  return { root, folder: run, result, digest: 'sha256:d', problems: [], reports: [], ...more };
}

const read = (path: string): string => readFileSync(join(folder, path), 'utf8');
const inode = (path: string): number => statSync(path).ino;
const names = (path = ''): readonly string[] => readdirSync(join(folder, path)).sort();
const all = [
  ...['annotations.json', 'artifacts', 'codequality.json', 'coverage', 'junit', 'outputs.env'],
  ...['result.json', 'run', 'summary.md'],
];

describe('what is left', () => {
  test('artifacts that are taken in the run folder lie where their address says', async () => {
    const run = ended({ 'artifacts/test%5Bos%3Da%20b%5D/app/f': 'made' });
    const sink = await gitlabArtifacts({ ...environment, LOCKSTEP_GITLAB_ARTIFACTS: 'run' });
    const artifact = { job: 'test[os=a b]', name: 'app', folder: run.folder, entries: [], expireMs: 0 };
    const receipt = await sink.publish(artifact, new AbortController().signal);
    expect(await leaveForGitlab(environment, run)).toEqual([]);
    const url = receipt.kind === 'published' ? (receipt.url ?? '') : '';
    expect(readFileSync(join(root, decodeURIComponent(url.split('/browse/')[1] ?? ''), 'f'), 'utf8')).toBe(
      'made',
    );
    expect(names('artifacts')).toEqual([]);
  });

  test('the run folder as hard links, its documents, links to them', async () => {
    const run = ended({ 'artifacts/build/app/bin': 'b' });
    const odd = diskPath(run.folder, 'artifacts/build/app/not \udcff utf-8');
    writeFileSync(odd, 'odd');
    symlinkSync('/does/not/exist', join(run.folder, 'artifacts/build/app/link'));
    mkdirSync(join(run.folder, 'artifacts/build/app/empty'));
    expect(await leaveForGitlab(environment, run)).toEqual([]);
    expect(names()).toEqual(all);
    for (const path of ['result.json', 'logs/build.log', 'artifacts/build/app/bin'])
      expect(inode(join(folder, 'run', path))).toBe(inode(join(run.folder, path)));
    const app = join(folder, 'run/artifacts/build/app');
    expect(readFileSync(diskPath(app, 'not \udcff utf-8'), 'utf8')).toBe('odd');
    expect(readlinkSync(join(app, 'link'))).toBe('/does/not/exist');
    expect(lstatSync(join(app, 'empty')).isDirectory()).toBe(true);
    expect(read('result.json')).toBe(resultText(result));
    expect(read('summary.md')).toBe('## done\n');
    expect(read('codequality.json')).toBe('[]\n');
    expect(read('outputs.env')).toBe('LOCKSTEP_STATUS=success\nLOCKSTEP_DIGEST=sha256:d\nBUILD_VERSION=1\n');
    const base = 'https://gitlab.example.org/g/p/-/jobs/7/artifacts/file/.lockstep/gitlab';
    expect(JSON.parse(read('annotations.json'))).toEqual({
      Lockstep: [
        { external_link: { label: 'Summary', url: `${base}/summary.md` } },
        { external_link: { label: 'Result sha256:d', url: `${base}/result.json` } },
      ],
    });
  });

  test('reports under names that are apart, and only those that GitLab reads', async () => {
    const at = (path: string): string => join(root, '.lockstep/runs/r1/reports', path);
    const run = ended(
      {
        ...{ 'reports/a/junit/out/r.xml': '1', 'reports/a/junit/r.xml': '2', 'reports/a/junit/r-2.xml': '3' },
        ...{ 'reports/m/junit/results': '4', 'reports/a/cobertura/c.xml': '5', 'reports/a/lcov/l.info': '6' },
      },
      {
        reports: [
          { job: 'a', kind: 'junit', file: at('a/junit/out/r.xml') },
          { job: 'a', kind: 'junit', file: at('a/junit/r.xml') },
          { job: 'a', kind: 'junit', file: at('a/junit/r-2.xml') },
          { job: 'm[os=a/b]', kind: 'junit', file: at('m/junit/results') },
          { job: 'a', kind: 'junit', file: at('a/junit/no \udcff utf-8.xml') },
          { job: 'a', kind: 'cobertura', file: at('a/cobertura/c.xml') },
          { job: 'a', kind: 'lcov', file: at('a/lcov/l.info') },
        ],
      },
    );
    writeFileSync(diskPath(at('a/junit'), 'no \udcff utf-8.xml'), '7');
    expect(await leaveForGitlab(environment, run)).toEqual([]);
    const junit = Object.fromEntries(names('junit').map((name) => [name, read(`junit/${name}`)]));
    expect(Object.values(junit).sort()).toEqual(['1', '2', '3', '4', '7']);
    expect(junit).toMatchObject({ 'a.r.xml': '1', 'a.r-2.xml': '2', 'a.r-2-2.xml': '3' });
    expect(
      Object.keys(junit).filter((name) =>
        /^(?:m\[os=a-b\]\.results|a\.no - utf-8)-[0-9a-f]{8}\.xml$/.test(name),
      ),
    ).toHaveLength(2);
    expect(names('coverage')).toEqual(['a.c.xml']);
    expect(read('coverage/a.c.xml')).toBe('5');
  });

  test('in a folder that the job names, and places from the top of the project', async () => {
    const inner = join(root, 'inner');
    mkdirSync(inner);
    const where = { ...environment, LOCKSTEP_GITLAB_FOLDER: '.lockstep/gitlab/test 1/' };
    const problem = { level: 'error', title: 't', message: 'm', file: 'a.ts' } as const;
    expect(await leaveForGitlab(where, ended({}, { root: inner, problems: [problem] }))).toEqual([]);
    expect(names('test 1')).toEqual(all);
    expect(read('test 1/annotations.json')).toContain('/file/.lockstep/gitlab/test%201/summary.md"');
    expect(read('test 1/codequality.json')).toContain('"path": "inner/a.ts"');
  });

  test('no link where GitLab does not say where the job is', async () => {
    await leaveForGitlab({ CI_PROJECT_DIR: root }, ended());
    expect(JSON.parse(read('annotations.json'))).toEqual({ Lockstep: [] });
  });
});

describe('what an earlier run left', () => {
  test('goes, but for what other jobs left and what this run published', async () => {
    const first = ended({ 'reports/a/junit/r.xml': '1', 'logs/gone.log': 'l' });
    const report = { job: 'a', kind: 'junit', file: join(first.folder, 'reports/a/junit/r.xml') } as const;
    await leaveForGitlab(environment, { ...first, reports: [report] });
    write(join(folder, 'other-job/result.json'), 'theirs');
    write(join(folder, 'artifacts/old.app/f'), 'old');
    write(join(folder, '.run.0123456789ab/f'), 'of a process that was killed');
    write(join(folder, '.other-job/f'), 'theirs');
    const sink = await gitlabArtifacts(environment);
    write(join(first.folder, 'artifacts/build/app/f'), 'new');
    const entry = { type: 'file', path: 'f', executable: false, digest: '', size: 3 } as const;
    const artifact = {
      job: 'build',
      name: 'app',
      folder: join(first.folder, 'artifacts/build/app'),
      expireMs: 0,
    };
    const receipt = await sink.publish({ ...artifact, entries: [entry] }, new AbortController().signal);
    expect(receipt).toEqual({
      ...{ kind: 'published', as: 'build.app' },
      url: 'https://gitlab.example.org/g/p/-/jobs/7/artifacts/browse/.lockstep/gitlab/artifacts/build.app/',
    });
    rmSync(join(first.folder, 'logs/gone.log'));
    expect(await leaveForGitlab(environment, first)).toEqual([]);
    expect(names()).toEqual([...all, '.other-job', 'other-job'].sort());
    expect(names('artifacts')).toEqual(['build.app']);
    expect(read('artifacts/build.app/f')).toBe('new');
    expect(names('junit')).toEqual([]);
    expect(names('run/logs')).toEqual(['build.log']);
  });

  test('is not there any more where this run has nothing of the kind', async () => {
    await leaveForGitlab(environment, ended());
    const gone = ended();
    rmSync(join(gone.folder, 'summary.md'));
    const failures = await leaveForGitlab(environment, gone);
    expect(failures.map(({ code, message }) => [code, message])).toEqual([
      ['not-left', `${folder}/summary.md cannot be written: GitLab will not have it`],
    ]);
    expect(names()).toEqual(all.filter((name) => name !== 'summary.md'));
  });
});

describe('what cannot be', () => {
  test.each(['/tmp/x', '..', '.lockstep', '.lockstep/../src', 'public', '.lockstep/x/../../y'])(
    'a folder %s',
    async (path) => {
      const where = { ...environment, LOCKSTEP_GITLAB_FOLDER: path };
      const [failure] = await leaveForGitlab(where, ended());
      expect(failure).toMatchObject({ kind: 'environment', code: 'leave-folder' });
      expect(failure?.message).toMatch(/is no folder below \.lockstep$/);
      expect(readdirSync(root)).toEqual(['.lockstep']);
    },
  );

  test.each(['.lockstep/gitlab', '.lockstep/gitlab/artifacts'])(
    'a link at %s is not followed',
    async (path) => {
      const elsewhere = mkdtempSync(join(tmpdir(), 'lockstep-elsewhere-'));
      try {
        write(join(elsewhere, 'keep.app/f'), 'theirs');
        const run = ended();
        mkdirSync(dirname(join(root, path)), { recursive: true });
        symlinkSync(elsewhere, join(root, path));
        const failures = await leaveForGitlab(environment, run);
        expect(failures.map(({ message }) => message)).toEqual([`${join(root, path)} is not a plain folder`]);
        expect(readdirSync(elsewhere)).toEqual(['keep.app']);
      } finally {
        rmSync(elsewhere, { recursive: true });
      }
    },
  );

  test('a link under one of our names is replaced, and what it points to stays', async () => {
    const run = ended();
    write(join(root, 'target/f'), 'theirs');
    mkdirSync(folder, { recursive: true });
    symlinkSync(join(root, 'target'), join(folder, 'run'));
    expect(await leaveForGitlab(environment, run)).toEqual([]);
    expect(lstatSync(join(folder, 'run')).isDirectory()).toBe(true);
    expect(readFileSync(join(root, 'target/f'), 'utf8')).toBe('theirs');
  });

  test('outputs that do not fit are told, all else is left', async () => {
    const large = { ...result, jobs: { build: { ...build, outputs: { o: 'x'.repeat(6000) } } } };
    const failures = await leaveForGitlab(environment, ended({}, { result: large }));
    expect(failures.map(({ code }) => code)).toEqual(['outputs-too-large']);
    expect(names()).toEqual(all);
    expect(read('outputs.env')).not.toContain('BUILD');
  });

  test('no project folder', async () => {
    for (const CI_PROJECT_DIR of [undefined, '', join(root, 'missing')]) {
      const [failure] = await leaveForGitlab({ CI_PROJECT_DIR }, ended());
      expect(failure).toMatchObject({ code: 'leave-folder', kind: 'environment' });
      const sink = await gitlabArtifacts({ CI_PROJECT_DIR });
      const artifact = { job: 'a', name: 'b', folder: root, entries: [], expireMs: 0 };
      expect(await sink.publish(artifact, new AbortController().signal)).toEqual({
        ...{ kind: 'refused' },
        message: `a.b is not published: ${failure?.message ?? ''}`,
      });
    }
  });

  test.skipIf(noSmallDisk !== null)(
    `a full disk: failures that name each file, and nothing is half there (${noSmallDisk ?? 'runs'})`,
    async () => {
      using disk = new SmallDisk(1);
      const run = ended({ 'logs/big.log': 'x'.repeat(900_000) });
      const project = join(disk.path, 'checkout');
      mkdirSync(project);
      writeFileSync(join(project, 'fill'), Buffer.alloc(500_000));
      const failures = await leaveForGitlab({ ...environment, CI_PROJECT_DIR: project }, run);
      const left = readdirSync(join(project, '.lockstep/gitlab'));
      expect(failures.map(({ code }) => code)).toEqual(['not-left']);
      expect(failures[0]?.message).toContain('/.lockstep/gitlab/run cannot be written');
      expect(failures[0]?.cause).toContain('ENOSPC');
      expect(left.sort()).toEqual(all.filter((name) => name !== 'run'));
    },
  );

  test.skipIf(!existsSync('/dev/shm'))('an artifact of another file system is copied', async () => {
    const elsewhere = mkdtempSync('/dev/shm/lockstep-');
    try {
      writeFileSync(join(elsewhere, 'tool'), 'x', { mode: 0o755 });
      const entry = { type: 'file', path: 'tool', executable: true, digest: '', size: 1 } as const;
      const sink = await gitlabArtifacts(environment);
      const artifact = { job: 'a', name: 'b', folder: elsewhere, entries: [entry], expireMs: 0 };
      expect((await sink.publish(artifact, new AbortController().signal)).kind).toBe('published');
      expect(statSync(join(folder, 'artifacts/a.b/tool')).mode & 0o777).toBe(0o755);
    } finally {
      rmSync(elsewhere, { recursive: true });
    }
  });
});
