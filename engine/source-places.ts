// The files that a test report names → those files of the source, as people know them.
import { posix } from 'node:path';
import type { TestReport } from '../src/model/test-report.ts';
import type { SourceTree } from './source-tree.ts';

/**
 * A tool that ran in a folder names files from there, and some name no folder at all. So a file that the source has not is
 * looked for beside the report and above it, then wherever there is but one of that name. What is found nowhere stays.
 */
export function placeInSource(tests: TestReport, report: string, source: SourceTree): TestReport {
  if (tests.failures.every(({ file }) => file === undefined)) return tests;
  const byName = pathsByName(source);
  const find = (file: string): string => {
    const paths = byName.get(posix.basename(file)) ?? [];
    const near = ['.', ...foldersOf(report)].map((folder) => posix.join(folder, file));
    const ends = paths.filter((path) => path.endsWith(`/${file}`));
    return near.find((path) => paths.includes(path)) ?? (ends.length === 1 ? ends[0] : undefined) ?? file;
  };
  return {
    ...tests,
    failures: tests.failures.map((failure) =>
      failure.file === undefined ? failure : { ...failure, file: find(failure.file) },
    ),
  };
}

const known = new WeakMap<SourceTree, ReadonlyMap<string, readonly string[]>>();

/** Made once for a run, which may have hundreds of reports. */
function pathsByName(source: SourceTree): ReadonlyMap<string, readonly string[]> {
  const before = known.get(source);
  if (before !== undefined) return before;
  const paths = source.entries.map(({ path }) => path);
  const byName = Map.groupBy(paths, (path) => posix.basename(path));
  known.set(source, byName);
  return byName;
}

/** Of a file, the nearest first. */
function foldersOf(file: string): string[] {
  const folder = posix.dirname(file);
  return folder === '.' ? [] : [folder, ...foldersOf(folder)];
}
