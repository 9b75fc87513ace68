import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { writeRunFolder } from '../../../engine/finished-run.ts';
import { readRunFolder } from '../../../engine/read-run-folder.ts';
import { runFolderAt } from '../../../engine/run-folder.ts';
import { resultDigest, type RunResult } from '../../../src/model/result.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'lockstep-finished-'));
  const result: RunResult = {
    schema: 1,
    pipeline: null,
    platform: 'linux/amd64',
    params: {},
    source: 'sha256:0',
    status: 'failure',
    jobs: {
      a: {
        status: 'failure',
        'allowed-failure': false,
        reason: 'step-failed',
        outputs: {},
        artifacts: {},
        steps: [],
      },
    },
  };
  writeRunFolder({
    folder: runFolderAt(folder, 'r', folder),
    result,
    inputs: {
      schema: 1,
      selection: { jobs: [], matrix: {}, needs: true },
      file: 'lockstep.yml',
      params: {},
      facts: {},
      source: { digest: 'sha256:0', files: [] },
      images: {},
      env: {},
      secrets: [],
      graph: { a: [] },
      matrices: { a: ['a'] },
      instances: ['a'],
      lineage: { a: { success: false, failure: true } },
    },
    times: {
      id: 'r',
      provider: 'local',
      digest: resultDigest(result),
      started: '',
      finished: '',
      'duration-ms': 0,
      jobs: {},
    },
  });
});
afterEach(() => rmSync(folder, { recursive: true }));

const edit = (name: string, from: string, to: string): void => {
  const text = readFileSync(join(folder, name), 'utf8');
  expect(text).toContain(from);
  writeFileSync(join(folder, name), text.replaceAll(from, to));
};

test('what was written is read again', async () => {
  expect(await readRunFolder(folder)).toMatchObject({ ok: true, value: { result: { status: 'failure' } } });
});

test.each([
  ['a result that was edited', 'result.json', '"failure"', '"success"'],
  ['an instance that the result has not', 'inputs.json', '"instances":["a"]', '"instances":["constructor"]'],
  ['a lineage left out', 'inputs.json', '"lineage":{"a"', '"lineage":{"b"'],
  ['an artifact name that climbs', 'result.json', '"artifacts":{}', '"artifacts":{"../../x":"sha256:0"}'],
  ['an instance name that climbs', 'result.json', '"jobs":{"a"', '"jobs":{"../a"'],
  ['half a file', 'run.json', '"provider"', '"'],
])('%s is refused', async (_name, file, from, to) => {
  edit(file, from, to);
  expect(await readRunFolder(folder)).toMatchObject({
    ok: false,
    failure: { kind: 'usage', code: 'run-folder' },
  });
});

test('a folder without a result is no finished run', async () => {
  rmSync(join(folder, 'result.json'));
  expect(await readRunFolder(folder)).toMatchObject({ ok: false, failure: { code: 'run-folder' } });
});
