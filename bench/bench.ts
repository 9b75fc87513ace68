// `npm run bench [-- --only NAME] [--rounds N]`: every reach of the design → a table and bench/results.json.
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { oneStep } from './one-step.ts';
import { hundredSteps } from './hundred-steps.ts';
import { tenByTen } from './ten-by-ten.ts';
import { editLast } from './edit-last.ts';
import { freshRunner } from './fresh-runner.ts';
import { nothingChanged } from './nothing-changed.ts';
import { startUp } from './start-up.ts';
import { sourceDigest } from './source-digest.ts';
import { workspaceIn } from './workspace-in.ts';
import { gigabyteOfLog } from './gigabyte-of-log.ts';
import { thousandJobs } from './thousand-jobs.ts';
import { uses } from './uses.ts';
import { machine } from './machine.ts';
import { judge, type Row } from './row.ts';
import { table } from './table.ts';

const benchmarks = [
  startUp,
  oneStep,
  hundredSteps,
  tenByTen,
  nothingChanged,
  editLast,
  freshRunner,
  uses,
  workspaceIn,
  sourceDigest,
  gigabyteOfLog,
  thousandJobs,
];
const names = benchmarks.map(({ name }) => name);

const { values } = parseArgs({
  options: { only: { type: 'string', multiple: true, default: names }, rounds: { type: 'string' } },
});
const rounds = values.rounds === undefined ? null : Number(values.rounds);
const unknown = values.only.find((name) => !names.includes(name));
if (unknown !== undefined || (rounds !== null && !(Number.isInteger(rounds) && rounds > 0))) {
  console.error(`usage: npm run bench -- [--only ${names.join('|')}]… [--rounds N]`);
  process.exit(2);
}

const rows: Row[] = [];
for (const benchmark of benchmarks.filter(({ name }) => values.only.includes(name))) {
  console.error(`${benchmark.name} …`);
  rows.push(...(await benchmark.run(rounds)));
}
console.log(table(rows));

const results = {
  machine: machine(),
  rows: rows.map((row) =>
    'missing' in row ? row : { ...row, ...judge(row), figures: { ours: row.ours, baseline: row.baseline } },
  ),
};
writeFileSync(new URL('results.json', import.meta.url), `${JSON.stringify(results, null, 2)}\n`);
