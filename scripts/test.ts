// Every level of the tests; fails too when a level that should have run was skipped whole. Last line: the count.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

const levels = ['unit', 'conformance', 'cases', 'providers', 'e2e'];

const report = join(mkdtempSync(join(tmpdir(), 'lockstep-test-')), 'report.json');
/** Without what GitHub says of itself: runs that tests start would take themselves for runs of a workflow. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^(?:GITHUB|ACTIONS|RUNNER)_/.test(name)),
);
const vitest = spawnSync(
  'vitest',
  ['run', '--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...process.argv.slice(2)],
  { env, stdio: 'inherit' },
);

const { testResults } = z
  .object({
    testResults: z.array(
      z.object({
        name: z.string(),
        message: z.string().optional(),
        assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
      }),
    ),
  })
  .parse(JSON.parse(readFileSync(report, 'utf8')));
const tests = testResults.flatMap(({ name, assertionResults }) =>
  assertionResults.map((test) => ({
    ...test,
    level: levels.find((level) => name.includes(`/test/${level}/`)),
  })),
);
const count = (...statuses: string[]): number =>
  tests.filter(({ status }) => statuses.includes(status)).length;
const silent = levels.filter(
  (level) => !tests.some((test) => test.level === level && test.status === 'passed'),
);

for (const test of tests.filter(({ status }) => status !== 'passed' && status !== 'failed')) {
  console.log(`skipped: ${test.fullName}`);
}
for (const level of silent) console.log(`level ${level} did not run`);
const line = `${count('passed')} passed, ${count('failed')} failed, ${tests.length - count('passed', 'failed')} skipped`;
mkdirSync('.lockstep', { recursive: true });
writeFileSync('.lockstep/test-summary.txt', `${line}\n`);
console.log(line);
process.exitCode = vitest.status !== 0 || silent.length > 0 ? 1 : 0;
