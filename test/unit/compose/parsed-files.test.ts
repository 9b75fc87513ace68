import {
  existsSync,
  globSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parsedFiles } from '../../../src/compose/parsed-files.ts';
import { checkPipeline } from '../../../src/compose/pipeline-file.ts';
import { createEvaluator } from '../../../src/pipeline/evaluator.ts';
import { unsupportedYet } from '../../../src/pipeline/not-yet.ts';
import { parsePipeline, type ParsedFile } from '../../../src/pipeline/parse.ts';
import { planPipeline, type PlanRequest } from '../../../src/pipeline/plan.ts';
import { example, request, withJobs } from '../pipeline/sample.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-parsed-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const sourceOf = (text: string) => ({ file: 'lockstep.yml', text });

/** As the next process would find it. */
function keptOf(text: string): ParsedFile | null {
  const files = () => parsedFiles(folder, 'build', sourceOf(text));
  files().keep(parsePipeline(sourceOf(text)));
  return files().read();
}

/** All that a command can make of a file, for several command lines. */
function outcomes({ pipeline, diagnostics }: ParsedFile): unknown {
  if (!pipeline) return { diagnostics };
  const names = Object.keys(pipeline.pipeline.jobs);
  const requests: readonly Partial<PlanRequest>[] = [
    {},
    { jobs: names.slice(-1) },
    { jobs: names.slice(-1), withNeeds: false },
    { jobs: ['no-such-job'], params: { 'no-such-param': 'x' } },
    { params: Object.fromEntries(Object.keys(pipeline.pipeline.params ?? {}).map((name) => [name, '{}'])) },
    { matrix: { node: '24', os: 'b', v: '1' } },
  ];
  const plans = requests.map((more) => planPipeline(pipeline, request(more), createEvaluator()));
  // As text: the order of keys counts too.
  return JSON.stringify({ diagnostics, plans, notYet: unsupportedYet(pipeline, names) });
}

const cases = globSync('test/cases/*/lockstep.y*ml').sort();

describe('a file that was kept', () => {
  it('comes out as it went in', () => {
    expect(cases.length).toBeGreaterThan(50);
    for (const path of cases) {
      const text = readFileSync(path, 'utf8');
      const fresh = parsePipeline(sourceOf(text));
      const kept = keptOf(text);
      expect(kept, path).toEqual(fresh);
      expect(kept && outcomes(kept), path).toEqual(outcomes(fresh));
    }
  });

  it('plans as it was written, whatever was written', () => {
    const pieces = [
      example,
      withJobs(
        'a: { steps: [x], if: false, matrix: { v: [1, 0.5, -1, null, true, {a: [b]}], include: [{ v: 2, o: é }] } }',
      ),
      withJobs(
        'a: { steps: [{ run: x, if: "${{ failure() }}" }], matrix: "${{ fromJSON(params.p) }}" }\nb: { needs: [a], steps: [x], env: { "7": x, "1": y, N: 1.5 } }',
        'params: { p: { type: string, required: true } }\nsecrets: [UNUSED]\n',
      ),
    ];
    const edit = fc.record({
      at: fc.nat(1500),
      take: fc.nat(12),
      put: fc.oneof(
        fc.constantFrom('', ' ', '"', '${{ git.sha }}', '\ud800', '"\\ud800"', '1e3', '-0', '*a', '# é\n'),
        fc.string(),
      ),
    });
    fc.assert(
      fc.property(fc.constantFrom(...pieces), fc.array(edit, { maxLength: 2 }), (piece, edits) => {
        let text = piece;
        for (const { at, take, put } of edits) text = text.slice(0, at) + put + text.slice(at + take);
        const fresh = parsePipeline(sourceOf(text));
        const kept = keptOf(text);
        expect(kept).toEqual(fresh);
        expect(kept && outcomes(kept)).toEqual(outcomes(fresh));
      }),
      { numRuns: 200 },
    );
  });

  it.each([
    ['cut short', (bytes: Buffer) => bytes.subarray(0, -1)],
    ['empty', () => Buffer.alloc(0)],
    ['without its first line', (bytes: Buffer) => bytes.subarray(65)],
    [
      'with one bit changed',
      (bytes: Buffer) => {
        const changed = Buffer.from(bytes);
        const at = changed.lastIndexOf('npm');
        changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
        return changed;
      },
    ],
  ])('and is %s is not there, and kept anew', (_, damage) => {
    expect(keptOf(example)).not.toBeNull();
    const [name = ''] = readdirSync(folder);
    writeFileSync(join(folder, name), damage(readFileSync(join(folder, name))));
    expect(parsedFiles(folder, 'build', sourceOf(example)).read()).toBeNull();
    expect(keptOf(example)).toEqual(parsePipeline(sourceOf(example)));
  });

  it('is there for the same text, name and build only', () => {
    keptOf(example);
    const found = [
      parsedFiles(folder, 'build', sourceOf(example)),
      parsedFiles(folder, 'another', sourceOf(example)),
      parsedFiles(folder, 'build', { file: 'other.yml', text: example }),
      parsedFiles(folder, 'build', sourceOf(`${example} `)),
    ].map((files) => files.read() !== null);
    expect(found).toEqual([true, false, false, false]);
  });

  it('is the user’s alone', () => {
    keptOf(example);
    const [name = ''] = readdirSync(folder);
    expect(statSync(join(folder, name)).mode & 0o777).toBe(0o600);
  });
});

it('keeps the newest fifty, and takes drafts of dead processes away with the others', () => {
  for (let age = 0; age < 60; age++) {
    const path = join(folder, age === 7 ? `${'a'.repeat(64)}.4711` : `old-${age}`);
    writeFileSync(path, '');
    utimesSync(path, age, age);
  }
  expect(keptOf(example)).not.toBeNull();
  const left = readdirSync(folder);
  expect(left).toHaveLength(50);
  expect(left).not.toContain(`${'a'.repeat(64)}.4711`);
  expect(left).toContain('old-59');
});

it('keeps nothing that aliases write out to megabytes', () => {
  const job = (number: number) => `j${number}: { steps: *s }`;
  const steps = `x-s: &s [${Array.from({ length: 300 }, () => `'${'x'.repeat(100)}'`).join(', ')}]\n`;
  expect(keptOf(withJobs(Array.from({ length: 200 }, (_, at) => job(at)).join('\n'), steps))).toBeNull();
  expect(readdirSync(folder)).toEqual([]);
});

describe('checkPipeline', () => {
  const fileOf = (text: string) => ({ root: '/r', name: 'lockstep.yml', text });
  const kept = () => globSync(join(folder, 'lockstep/v1/parsed/*'));
  const check = (text: string, build: string | null = 'build', home = folder) =>
    checkPipeline(fileOf(text), { XDG_CACHE_HOME: home }, build);

  it('keeps a file without errors, and shows its warnings again', async () => {
    const text = withJobs('a: { steps: [x] }', 'secrets: [UNUSED]\n');
    const first = await check(text);
    expect(kept()).toHaveLength(1);
    expect(first.diagnostics).toMatchObject([{ code: 'unused-secret', severity: 'warning' }]);
    expect(await check(text)).toEqual(first);
  });

  it('takes what was kept for what it is', async () => {
    const other = parsePipeline(sourceOf(withJobs('other: { steps: [x] }')));
    parsedFiles(join(folder, 'lockstep/v1/parsed'), 'build', sourceOf(example)).keep(other);
    expect(await check(example)).toEqual(other);
  });

  it('keeps no file with errors', async () => {
    expect((await check(withJobs('a: { stps: [x] }'))).pipeline).toBeNull();
    expect(kept()).toEqual([]);
  });

  it('keeps nothing where no build names the code', async () => {
    expect((await check(example, null)).pipeline).not.toBeNull();
    expect(existsSync(join(folder, 'lockstep'))).toBe(false);
  });

  it('parses as before where nothing can be kept', async () => {
    const file = join(folder, 'file');
    writeFileSync(file, '');
    for (const home of [file, '/dev/null', join(folder, 'no\0name')]) {
      expect(await check(example, 'build', home)).toEqual(parsePipeline(sourceOf(example)));
    }
  });
});
