// What a finished job left in its workspace → artifacts and reports in the run folder.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Sandbox } from '../src/contract/sandbox.ts';
import { fail, type Failure, type Outcome } from '../src/model/failure.ts';
import { compileGlobs, staticPrefixes } from '../src/model/glob.ts';
import { diskPath } from '../src/model/path-bytes.ts';
import type { PlannedArtifact, PlannedReports } from '../src/model/plan.ts';
import type { JobReason } from '../src/model/result.ts';
import type { Coverage, TestReport } from '../src/model/test-report.ts';
import { formatBytes } from '../src/model/size.ts';
import { treeDigest, type FileEntry, type TreeEntry } from '../src/model/tree.ts';
import { collectTree } from './archive.ts';
import type { StoredArtifact } from './finished-job.ts';
import { findLeakInTree, isLeak, leakFailure } from './leak-guard.ts';
import type { JobInstance } from './resolve-job.ts';
import type { Run } from './run.ts';
import { placeInSource } from './source-places.ts';

export interface Collected {
  readonly artifacts: readonly StoredArtifact[];
  readonly problem: { readonly reason: JobReason; readonly failure: Failure } | null;
}

/** Reports of one kind as they lie in a run folder. */
export interface StoredReport {
  readonly kind: keyof PlannedReports;
  readonly folder: string;
  readonly entries: readonly TreeEntry[];
}

/** Artifacts of this attempt in place of an earlier one's; stops at the first that is a problem. */
export async function collectArtifacts(
  run: Run,
  sandbox: Sandbox,
  { job, id }: JobInstance,
  status: 'success' | 'failure',
): Promise<Collected> {
  const artifacts: StoredArtifact[] = [];
  for (const [name, artifact] of Object.entries(job.artifacts)) {
    if (artifact.when !== 'always' && artifact.when !== status) continue;
    const folder = run.folder.artifactFolder(id, name);
    const patterns = [...artifact.paths, ...artifact.exclude.map((pattern) => `!${pattern}`)];
    const tree = await collect(run, sandbox, patterns, folder, `artifact ${name}`);
    if (!tree.ok) return { artifacts, problem: { reason: reasonOf(tree.failure), failure: tree.failure } };
    if (tree.value.length === 0 && artifact.empty === 'error') {
      return { artifacts, problem: { reason: 'artifact-missing', failure: nothingMatches(name, artifact) } };
    }
    const stored = { name, folder, digest: treeDigest(tree.value), entries: tree.value };
    artifacts.push(stored);
    await announceArtifact(run, id, stored);
  }
  return { artifacts, problem: null };
}

export const announceArtifact = async (
  run: Run,
  job: string,
  { name, digest, entries, folder }: StoredArtifact,
): Promise<void> =>
  run.emit({
    type: 'artifact-stored',
    job,
    name,
    digest,
    files: entries.length,
    bytes: entries.reduce((sum, entry) => sum + (entry.type === 'file' ? entry.size : 0), 0),
    path: run.folder.shown(folder),
  });

function reasonOf(failure: Failure): JobReason {
  if (isLeak(failure)) return 'secret-in-artifact';
  return failure.kind === 'pipeline' ? 'artifact-missing' : 'environment';
}

function nothingMatches(name: string, { paths }: PlannedArtifact): Failure {
  const message = `artifact ${name}: nothing in the workspace matches ${paths.map((path) => `'${path}'`).join(', ')}`;
  const hint = 'check the paths (they are relative to /work), or say `empty: ok`';
  return fail('pipeline', 'artifact-missing', message, { hint }).failure;
}

/** `what`: for people. */
const collect = (
  { redactor }: Run,
  sandbox: Sandbox,
  patterns: readonly string[],
  into: string,
  what: string,
): Promise<Outcome<TreeEntry[]>> =>
  collectTree({
    prefixes: staticPrefixes(patterns),
    get: (path) => sandbox.get(path === '' ? '/work' : `/work/${path}`),
    select: compileGlobs(patterns),
    into,
    check: async (folder, entries) => {
      const leak = await findLeakInTree(redactor, folder, entries);
      return leak && leakFailure(leak, `${what}: ${leak.where}`);
    },
  });

/** Always, above all on failure; a report that is missing or broken is a notice, never a failed job. */
export async function collectReports(
  run: Run,
  sandbox: Sandbox,
  job: string,
  reports: PlannedReports,
): Promise<{ readonly stored: readonly StoredReport[]; readonly leak: Failure | null }> {
  const stored: StoredReport[] = [];
  for (const kind of ['junit', 'cobertura', 'lcov', 'sarif'] as const) {
    const patterns = reports[kind];
    if (patterns.length === 0) continue;
    const folder = run.folder.reportFolder(job, kind);
    const tree = await collect(run, sandbox, patterns, folder, `${kind} report`);
    if (!tree.ok && isLeak(tree.failure)) return { stored, leak: tree.failure };
    if (!tree.ok || tree.value.length === 0) {
      const why = tree.ok ? `nothing matches ${patterns.join(', ')}` : tree.failure.message;
      await run.emit({
        type: 'notice',
        level: 'warning',
        code: 'report-missing',
        job,
        message: `no ${kind} report: ${why}`,
      });
      continue;
    }
    const report = { kind, folder, entries: tree.value };
    stored.push(report);
    await announceReport(run, job, report);
  }
  return { stored, leak: null };
}

export async function announceReport(
  run: Run,
  job: string,
  { kind, folder, entries }: StoredReport,
): Promise<void> {
  const files = entries.filter((entry) => entry.type === 'file');
  const read = await readReports(run, job, kind, folder, files);
  const paths = files.map((entry) => entry.path);
  await run.emit({ type: 'report-stored', job, kind, files: paths, path: run.folder.shown(folder), ...read });
}

/** A report is held in memory while it is read; the file itself is stored whatever its size. */
const largestReport = 64 * 1024 * 1024;

interface ReadReports {
  readonly tests?: TestReport;
  readonly coverage?: Coverage;
}

async function readReports(
  run: Run,
  job: string,
  kind: keyof PlannedReports,
  folder: string,
  files: readonly FileEntry[],
): Promise<ReadReports> {
  if (kind === 'sarif') return {};
  const reader = await run.reports();
  const tests: TestReport[] = [];
  const coverage: Coverage[] = [];
  for (const file of files) {
    const read =
      file.size > largestReport
        ? fail('pipeline', 'invalid-report', `it is too large to be read (${formatBytes(file.size)})`)
        : reader[kind](await readFile(diskPath(folder, file.path)));
    if (!read.ok) {
      const message = `${join(kind, file.path)}: ${read.failure.message}`;
      await run.emit({ type: 'notice', level: 'warning', code: read.failure.code, job, message });
    } else if ('tests' in read.value) tests.push(placeInSource(read.value, file.path, run.source));
    else coverage.push(read.value);
  }
  return {
    ...(tests.length > 0 && { tests: sumTests(tests) }),
    ...(coverage.length > 0 && { coverage: sumCoverage(coverage) }),
  };
}

const sumTests = (reports: readonly TestReport[]): TestReport => ({
  tests: sum(reports, 'tests'),
  failed: sum(reports, 'failed'),
  skipped: sum(reports, 'skipped'),
  durationMs: sum(reports, 'durationMs'),
  failures: reports.flatMap((report) => report.failures),
});

const sumCoverage = (reports: readonly Coverage[]): Coverage => ({
  covered: sum(reports, 'covered'),
  lines: sum(reports, 'lines'),
});

const sum = <Key extends string>(records: readonly Readonly<Record<Key, number>>[], key: Key): number =>
  records.reduce((total, record) => total + record[key], 0);
