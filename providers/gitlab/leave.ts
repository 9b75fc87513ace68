// An ended run → the folder that GitLab's job takes its artifacts and reports from.
//
// Jobs that this one needs may have left theirs in folders of other names beside these.
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { EndedRunFacts, Environment } from '../../src/contract/provider.ts';
import type { ReportKind } from '../../src/model/event.ts';
import type { Failure } from '../../src/model/failure.ts';
import { diskPath } from '../../src/model/path-bytes.ts';
import { resultText, type RunResult } from '../../src/model/result.ts';
import { artifactName } from '../shared/artifact-name.ts';
import { entriesBelow, linkEntries, linkFile } from '../shared/hard-links.ts';
import { leaveAt, partialName } from '../shared/left-file.ts';
import { placeBelow } from '../shared/place-below.ts';
import { variable } from '../shared/variable.ts';
import { renderAnnotations } from './annotations.ts';
import { renderCodeQuality } from './code-quality.ts';
import { renderDotenv } from './dotenv.ts';
import { makeTakenFolder } from './taken-folder.ts';

/** Each appears whole or not at all; in place of what an earlier run left. */
export async function leaveForGitlab(
  environment: Environment,
  run: EndedRunFacts,
): Promise<readonly Failure[]> {
  const folder = makeTakenFolder(environment);
  if (!folder.ok) return [folder.failure];
  const { text: outputs, failure } = renderDotenv(environment, run.result, run.digest);
  const pathOf = (file: string): string =>
    placeBelow(variable(environment, 'CI_PROJECT_DIR'), run.root, file);
  const text = (content: string) => (into: string) => writeFile(into, content);
  const reports = (kind: ReportKind) => (into: string) => linkReports(run, kind, into);
  const things: Readonly<Record<string, (into: string) => Promise<void>>> = {
    'outputs.env': text(outputs),
    'codequality.json': text(renderCodeQuality(run.problems, pathOf)),
    'annotations.json': text(renderAnnotations(environment, run.digest)),
    'result.json': text(resultText(run.result)),
    'summary.md': (into) => linkFile(join(run.folder, 'summary.md'), into),
    junit: reports('junit'),
    coverage: reports('cobertura'),
    run: async (into) => {
      await mkdir(into);
      await linkEntries(run.folder, entriesBelow(run.folder), into);
    },
  };
  const failures = failure === null ? [] : [failure];
  const artifacts = makeTakenFolder(environment, 'artifacts');
  const published = publishedIn(run.result);
  if (artifacts.ok) await removeIn(artifacts.value, (name) => !published.has(name));
  else failures.push(artifacts.failure);
  // Of a process that was killed.
  await removeIn(folder.value, (name) => partialName.test(name));
  for (const [name, make] of Object.entries(things)) {
    const problem = await leaveAt(folder.value, name, 'GitLab', make);
    if (problem !== null) failures.push(problem);
  }
  return failures;
}

async function removeIn(folder: string, isOld: (name: string) => boolean): Promise<void> {
  const found = await readdir(folder).catch(() => []);
  for (const name of found.filter(isOld))
    await rm(join(folder, name), { recursive: true, force: true }).catch(() => undefined);
}

const publishedIn = ({ jobs }: RunResult): ReadonlySet<string> =>
  new Set(
    Object.entries(jobs).flatMap(([job, { artifacts }]) =>
      Object.keys(artifacts).map((name) => artifactName({ job, name })),
    ),
  );

/** `JOB.FILE.xml`, with a number where two would be one. */
async function linkReports({ reports }: EndedRunFacts, kind: ReportKind, into: string): Promise<void> {
  await mkdir(into);
  const names = new Set<string>();
  for (const { job, file } of reports.filter((report) => report.kind === kind)) {
    const name = artifactName({ job, name: basename(file).replace(/\.xml$/, '') });
    let free = name;
    for (let next = 2; names.has(free); next++) free = `${name}-${next}`;
    names.add(free);
    await linkFile(diskPath(file, ''), join(into, `${free}.xml`));
  }
}
