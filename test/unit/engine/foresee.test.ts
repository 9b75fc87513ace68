import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JobForesight } from '../../../src/model/foresight.ts';
import { causeWords, changeWords } from '../../../src/report/foresight-words.ts';
import { memoryStore, type MemoryStore } from '../../fakes/memory-store.ts';
import { scriptedEngine } from '../../fakes/scripted-engine.ts';
import { executeText, foreseeText, type InProcess } from '../../rig/in-process.ts';

const head = 'version: 1\ndefaults: { image: "x:1" }\njobs:\n';
const pins = new Map([['x:1', `sha256:${'1'.repeat(64)}`]]);
const files = { 'a.txt': 'a', 'b.txt': 'b' };
let root: string;
let store: MemoryStore;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lockstep-foresee-'));
  store = memoryStore();
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

type Given = Partial<Pick<InProcess, 'files' | 'pins' | 'secrets' | 'withheld'>>;
const engine = scriptedEngine({
  step: ({ script }, { files: inside }) => {
    if (script.startsWith('make')) inside.set('/work/out.txt', script);
    return { outputs: script.startsWith('make') ? `v=${script}\n` : '' };
  },
});
const on = (given: Given): InProcess & { store: MemoryStore; root: string } => ({
  ...{ engine, store, root, pins, files },
  ...given,
});
const run = (jobs: string, given: Given = {}) => executeText(head + jobs, on(given));
const foresee = (jobs: string, given: Given = {}) => foreseeText(head + jobs, on(given));
const inWords = (jobs: readonly JobForesight[]): Record<string, string> =>
  Object.fromEntries(
    jobs.map(({ job, fate, because, provided }) => [
      job,
      [fate, because && causeWords(because), ...provided].filter((word) => word !== null).join(' | '),
    ]),
  );
const stepWords = ([job]: readonly JobForesight[]): string[] =>
  (job?.steps ?? []).map(({ fate, because }) =>
    because === null ? fate : `${fate}: ${causeWords(because)}`,
  );
const changesOf = ([job]: readonly JobForesight[]): string[] =>
  job?.because?.why === 'changed'
    ? job.because.changes.map(changeWords)
    : [`${job?.because?.why ?? job?.fate}`];

describe('what changed', () => {
  const job = (more: string, steps = 'one') => `  a: { ${more} steps: [${steps}] }\n`;
  const sha = 'sha256:[0-9a-f]{12}';
  test.each<[string, string, string, Given, Given, string[]]>([
    ['nothing', job(''), job(''), {}, {}, ['reuse']],
    [
      'a file',
      job(''),
      job(''),
      {},
      { files: { ...files, 'a.txt': 'A' } },
      [`file a.txt changed: ${sha} → ${sha}`],
    ],
    ['one more', job(''), job(''), {}, { files: { ...files, c: 'c' } }, [`file c added: ${sha}`]],
    ['one less', job(''), job(''), {}, { files: { 'a.txt': 'a' } }, [`file b.txt removed: ${sha}`]],
    [
      'a mode',
      job(''),
      job(''),
      {},
      { files: { ...files, 'a.txt': { executable: 'a' } } },
      ['file a.txt changed: mode 100644 → 100755'],
    ],
    [
      'a link',
      job(''),
      job(''),
      { files: { l: { link: 'a' } } },
      { files: { l: { link: 'b' } } },
      [`file l changed: ${sha} → ${sha}`],
    ],
    [
      'the image',
      job(''),
      job(''),
      {},
      { pins: new Map([['x:1', `sha256:${'2'.repeat(64)}`]]) },
      ['image changed: sha256:1{12} → sha256:2{12}'],
    ],
    [
      'env',
      job('env: { A: a, B: b },'),
      job('env: { A: x, C: c },'),
      {},
      {},
      ['env A changed', 'env B removed', 'env C added'],
    ],
    ['a script', job(''), job('', 'two'), {}, {}, ['script changed']],
    [
      'a shell',
      job(''),
      job('', '{ run: one, shell: bash }'),
      {},
      {},
      ['shell changed: \\[.*"sh".*\\] → \\[.*"bash".*\\]'],
    ],
    [
      'a user',
      job(''),
      job('user: root,'),
      {},
      {},
      ['user changed: none → root', 'user changed: none → root'],
    ],
    ['network', job(''), job('network: false,'), {}, {}, ['network changed: true → false']],
    ['memory', job(''), job('resources: { memory: 512MiB },'), {}, {}, ['memory changed: none → 512.0 MiB']],
    ['an if', job(''), job('', '{ run: one, if: "1 == 2" }'), {}, {}, ['if changed: true → false']],
    [
      'an artifact',
      job('artifacts: { d: [a.txt] },', 'make'),
      job('artifacts: { d: [b.txt] },', 'make'),
      {},
      {},
      ['artifact d paths changed: \\["a.txt"\\] → \\["b.txt"\\]'],
    ],
    ['an output', job('outputs: { o: x },'), job('outputs: { o: y },'), {}, {}, ['output o changed: x → y']],
    ['finally', job('finally: [f],'), job('finally: [g],'), {}, {}, ['finally 1 script changed']],
    ['fewer steps', job('', 'one, two'), job('', 'one'), {}, {}, ['steps changed: 2 → 1']],
    [
      'a service',
      job('services: { db: { image: "x:1", env: { P: a } } },'),
      job('services: { db: { image: "x:1", env: { P: b } }, q: { image: "x:1" } },'),
      {},
      {},
      ['service db env P changed', 'service q added'],
    ],
  ])('%s', async (_name, before, now, given, then, expected) => {
    await run(before, given);
    const found = changesOf(await foresee(now, then));
    const wanted = expected.map((text) => expect.stringMatching(new RegExp(`^${text}$`)) as unknown);
    expect(found).toEqual(wanted);
  });
});

describe('steps', () => {
  const three =
    '  a: { steps: [{ run: one, inputs: [a.txt] }, { run: two, inputs: [] }, { run: three, inputs: [b.txt] }] }\n';

  test('what is recorded runs again where no snapshot lies after it; what follows runs', async () => {
    await run(three);
    expect(stepWords(await foresee(three, { files: { ...files, 'b.txt': 'B' } }))).toEqual([
      'run: there is no snapshot after it',
      'run: there is no snapshot after it',
      'run: file b.txt changed',
    ]);
    const [second] = [...store.records.values()].filter((record) => record.kind === 'step').slice(1);
    if (second?.kind !== 'step') throw new Error('two steps are recorded');
    const snapshot = { id: 's', bytes: 1 };
    await store.putRecord({ ...second, snapshot });
    await store.putSnapshot(snapshot);
    expect(stepWords(await foresee(three, { files: { ...files, 'b.txt': 'B' } }))).toEqual([
      'reuse',
      'reuse',
      'run: file b.txt changed',
    ]);
    expect(stepWords(await foresee(three, { files: { ...files, 'a.txt': 'A' } }))).toEqual([
      'run: file a.txt changed',
      'run: step 1 runs',
      'run: step 1 runs',
    ]);
  });

  test('of a job without a record, of one that lost it, and of one that never has one', async () => {
    expect(inWords(await foresee(three))).toEqual({ a: 'run | it was never recorded' });
    await run(three);
    for (const [key, { kind }] of store.records) if (kind === 'job') await store.forgetRecord(key);
    expect(inWords(await foresee(three))).toEqual({ a: 'run | its record is gone' });
    const off = '  a: { reuse: false, steps: [one] }\n  b: { steps: [one, { run: two, reuse: false }] }\n';
    await run(off);
    expect(inWords(await foresee(off))).toEqual({ a: 'run | reuse: false', b: 'run | reuse: false' });
  });
});

describe('needs', () => {
  const jobs = (more = '') => `
  build: { inputs: [a.txt], steps: [make${more}], artifacts: { dist: [out.txt] }, outputs: { v: fixed } }
  lint: { inputs: [b.txt], steps: [one] }
  test: { needs: [build, lint], inputs: ["!**"], env: { V: "\${{ needs.build.outputs.v }}" }, steps: [one] }
`;
  const all = { build: 'reuse', lint: 'reuse', test: 'reuse' };

  test('what a recorded job gives is known; after one that runs, who takes from it waits, others go by its success', async () => {
    await run(jobs());
    expect(inWords(await foresee(jobs()))).toEqual(all);
    expect(inWords(await foresee(jobs(), { files: { ...files, 'a.txt': 'A' } }))).toEqual({
      ...all,
      build: 'run | file a.txt changed',
      test: 'open | it takes from build, which must run first',
    });
    expect(inWords(await foresee(jobs(), { files: { ...files, 'b.txt': 'B' } }))).toEqual({
      ...all,
      lint: 'run | file b.txt changed',
      test: 'reuse | lint',
    });
  });

  test('a file of an artifact is told with the artifact', async () => {
    await run(jobs());
    await run(jobs('2').split('  test:')[0] ?? '');
    expect(changesOf((await foresee(jobs('2'))).filter(({ job }) => job === 'test'))).toEqual([
      expect.stringMatching(/^file out.txt \(dist of build\) changed: /),
    ]);
  });

  test('an artifact that is gone or damaged makes its job run', async () => {
    await run(jobs());
    for (const record of store.records.values())
      if (record.kind === 'job' && record.artifacts[0]?.tar) store.damage(record.artifacts[0].tar);
    expect(inWords(await foresee(jobs()))).toMatchObject({ build: 'run | its record is gone' });
  });

  test('who is skipped, cannot start, or whose image nobody knows', async () => {
    expect(inWords(await foresee('  off: { if: "1 == 2", steps: [one] }\n'))).toEqual({
      off: 'skip | if: 1 == 2',
    });
    const unready =
      '  bad: { timeout: "${{ git.branch }}", steps: [one] }\n  after: { needs: [bad], steps: [one] }\n';
    expect(inWords(await foresee(unready))).toEqual({
      bad: "fail | 'main' is no duration",
      after: "skip | 'bad' failed",
    });
    const words = await foreseeText(`${head}  a: { image: "gone:1", steps: [one] }\n`, {
      ...on({}),
      engine: scriptedEngine({
        image: () => ({
          ok: false,
          failure: { kind: 'environment', code: 'image-not-found', message: 'no' },
        }),
      }),
    });
    expect(inWords(words)).toEqual({ a: "open | its image's digest is not known: no" });
  });
});

test('foreseeing opens nothing, writes nothing, and survives JSON', async () => {
  const job = '  a: { steps: [one, two] }\n';
  await run(job);
  const quiet = scriptedEngine();
  const before = [store.records.size, store.blobs.size];
  const found = await foreseeText(head + job, { ...on({}), engine: quiet });
  expect(quiet.calls).toEqual([]);
  expect([store.records.size, store.blobs.size]).toEqual(before);
  const again: unknown = JSON.parse(JSON.stringify(found));
  expect(again).toEqual(found);
});

describe('secrets', () => {
  const top = 'version: 1\nsecrets: { S: { required: false } }\ndefaults: { image: "x:1" }\njobs:\n';
  const job = '  a: { secrets: [S], steps: [one] }\n';

  test('the value is in no key; whether an optional one is there is', async () => {
    await executeText(top + job, on({ secrets: { S: 'one' } }));
    const later = (secrets: Record<string, string>) => foreseeText(top + job, on({ secrets }));
    expect(inWords(await later({ S: 'two' }))).toEqual({ a: 'reuse' });
    expect(changesOf(await later({}))).toEqual(['secret S changed: env → absent']);
    const granted = '  a: { secrets: [S, T], steps: [one] }\n';
    const more = top.replace('{ S:', '{ T: { file: true }, S:') + granted;
    expect(changesOf(await foreseeText(more, on({ secrets: { S: 'one', T: 't' } })))).toEqual([
      'secret T added: file',
    ]);
  });

  test('a withheld one skips its job and what needs it', async () => {
    const after = '  b: { needs: [a], steps: [two] }\n';
    expect(inWords(await foreseeText(top + job + after, on({ withheld: { a: ['S'] } })))).toEqual({
      a: 'skip | it needs S, and a change request from a fork gets no secrets',
      b: "skip | a job before 'a' did not succeed",
    });
  });
});

test('a step that gave other outputs, though nothing decided them, is named to the next', async () => {
  let draws = 0;
  const drawing = scriptedEngine({
    step: ({ script }) => {
      if (script === 'draw') return { outputs: `n=${++draws}\n` };
      return draws > 1 ? { exitCode: 1 } : undefined;
    },
  });
  const job = `${head}  a: { steps: [{ id: d, run: draw }, next] }\n`;
  await executeText(job, { ...on({}), engine: drawing });
  await executeText(job, { ...on({}), engine: drawing, answers: false });
  expect(stepWords(await foreseeText(job, on({})))).toEqual([
    'run: there is no snapshot after it',
    'run: outputs of the step before changed',
  ]);
});
