// Secrets while a job runs, is recorded and is told again: what is masked, what is refused, what is kept.
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fail } from '../../../src/model/failure.ts';
import type { RunEvent } from '../../../src/model/event.ts';
import { memoryStore } from '../../fakes/memory-store.ts';
import { scriptedEngine, type EngineScript } from '../../fakes/scripted-engine.ts';
import { executeText, type Executed } from '../../rig/in-process.ts';

const value = 'correct-horse-battery';
const secrets = { TOKEN: value };
const job = (more: string): string => `version: 1
secrets: { TOKEN: {} }
jobs:
  a: { image: i, secrets: [TOKEN], ${more} }
`;
const steps = (step: EngineScript['step']): ReturnType<typeof scriptedEngine> =>
  scriptedEngine(step === undefined ? {} : { step });

const logOf = ({ events }: Pick<Executed, 'events'>, stream?: 'stdout' | 'stderr'): string =>
  events
    .flatMap((event) =>
      event.type === 'log' && event.stream === (stream ?? event.stream) ? [event.chunk] : [],
    )
    .map((chunk) => Buffer.from(chunk).toString())
    .join('');
const failureOf = ({ events }: Pick<Executed, 'events'>) =>
  events.flatMap((event) => (event.type === 'job-finished' ? (event.failure ?? []) : []))[0];
const noticesOf = ({ events }: Pick<Executed, 'events'>) =>
  events.filter((event) => event.type === 'notice').map(({ code, message }) => `${code}: ${message}`);
/** All that anybody was told. */
const told = (events: readonly RunEvent[]): string =>
  JSON.stringify(events, (_, part: unknown) =>
    part instanceof Uint8Array ? Buffer.from(part).toString() : part,
  );

describe('what a step writes', () => {
  test('is masked across its writes, and never across its two streams', async () => {
    const engine = steps(async (_, io) => {
      await io.write('stdout', 'a correct-');
      await io.write('stderr', 'horse-battery\n');
      await io.write('stdout', 'horse-');
      await io.write('stdout', 'battery b\n');
      await io.write('stderr', value.slice(0, -1));
      return undefined;
    });
    const ran = await executeText(job('steps: [x]'), { engine, secrets });
    expect(logOf(ran, 'stdout')).toBe('a *** b\n');
    expect(logOf(ran, 'stderr')).toBe(`horse-battery\n${value.slice(0, -1)}`);
  });

  test('is told before the step ends, but for what may be the beginning of a secret', async () => {
    const seen: string[] = [];
    const engine = steps(async (_, io) => {
      await io.write('stdout', 'at once: correct-');
      seen.push(logOf({ events }));
      return undefined;
    });
    const events: RunEvent[] = [];
    await executeText(job('steps: [x]'), { engine, secrets, hear: (event) => void events.push(event) });
    expect(seen).toEqual(['at once: ']);
    expect(logOf({ events })).toBe('at once: correct-');
  });

  test('stays masked in its record when the value changes, and what is a secret by then is masked too', async () => {
    const store = memoryStore();
    const engine = steps(async (_, io) => {
      await io.write('stdout', `${value} and rotated-by-then\n`);
      return undefined;
    });
    await executeText(job('steps: [x]'), { engine, store, secrets });
    const again = await executeText(job('steps: [x]'), {
      ...{ engine, store, secrets: { TOKEN: 'rotated-by-then' } },
    });
    expect(again.events).toContainEqual(expect.objectContaining({ type: 'job-started', reused: 'all' }));
    expect(logOf(again)).toBe('*** and ***\n');
  });
});

describe('whatever else is said', () => {
  test('holds no value: names, failures of services, reports, summaries', async () => {
    const engine = scriptedEngine({
      step: (_, io) => {
        io.files.set(
          '/work/r.xml',
          `<testsuite name="s"><testcase name="${value}"><failure message="no ${value}"/></testcase></testsuite>`,
        );
        return { summary: `# ${value}`, exitCode: 1 };
      },
    });
    const open = job(`steps: ['echo ${value}'], reports: { junit: r.xml }`).replace('{}', '{ guard: false }');
    const ran = await executeText(open, { engine, secrets });
    expect(ran.events.map(({ type }) => type)).toEqual(
      expect.arrayContaining(['step-summary', 'report-stored', 'step-finished']),
    );
    expect(told(ran.events)).not.toContain(value);
    const broken = scriptedEngine({
      service: () =>
        fail('pipeline', 'service-failed', `said ${value}`, { cause: value, hint: value }).failure,
    });
    const served = await executeText(job('services: { db: { image: d } }, steps: [x]'), {
      engine: broken,
      secrets,
    });
    expect(served.statuses).toEqual({ a: 'failure (service-failed)' });
    expect(failureOf(served)).toMatchObject({ message: 'said ***', cause: '***', hint: '***' });
  });
});

describe('what a job would publish', () => {
  let root: string;
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'lockstep-leak-'));
  });
  afterEach(() => {
    rmSync(root, { recursive: true });
  });

  const leaves = (files: Readonly<Record<string, string>>) =>
    steps((_, io) => {
      for (const [path, content] of Object.entries(files)) io.files.set(path, content);
      return undefined;
    });

  test.each([
    ['a file', { '/work/out/b': `key=${value}` }, 'artifact d: out/b holds the secret TOKEN, at byte 4'],
    [
      'a file, encoded',
      { '/work/out/b': Buffer.from(`user:${value}`).toString('base64') },
      /^artifact d: out\/b holds the secret TOKEN/,
    ],
    [
      'a name',
      { [`/work/out/${value}`]: '' },
      'artifact d: the name of a file holds the secret TOKEN, at byte 4',
    ],
  ])('an artifact with the value in %s is not published', async (_, files, message) => {
    const artifacts = 'artifacts: { c: fine, d: out }';
    const ran = await executeText(job(`steps: [x], allow-failure: { exit-codes: [7] }, ${artifacts}`), {
      ...{ engine: leaves({ '/work/fine': '', ...files }), secrets, root },
    });
    expect(ran.statuses).toEqual({ a: 'failure (secret-in-artifact)' });
    expect(failureOf(ran)).toMatchObject({
      code: 'secret-in-artifact',
      message: typeof message === 'string' ? message : (expect.stringMatching(message) as string),
    });
    expect(ran.result.jobs.a?.artifacts).toEqual({ c: expect.any(String) as string });
    expect(existsSync(join(root, '.lockstep/runs/r1/artifacts/a/c'))).toBe(true);
    expect(existsSync(join(root, '.lockstep/runs/r1/artifacts/a/d'))).toBe(false);
  });

  test('nor a report, nor the record of such a job', async () => {
    const store = memoryStore();
    const engine = leaves({ '/work/r.xml': `<testsuite name="${value}"/>` });
    for (let run = 1; run <= 2; run += 1) {
      const ran = await executeText(job('steps: [x], reports: { junit: r.xml }'), {
        engine,
        secrets,
        store,
        root,
      });
      expect(ran.statuses).toEqual({ a: 'failure (secret-in-artifact)' });
      expect(ran.events.some(({ type }) => type === 'report-stored')).toBe(false);
      expect(existsSync(join(root, '.lockstep/runs/r1/reports/a/junit'))).toBe(false);
    }
  });

  test.each([
    [
      'an output',
      { outputs: `o=x${value}\n` },
      "$LOCKSTEP_OUTPUT of step 'x' holds the secret TOKEN, at byte 3",
    ],
    ['a summary', { summary: value }, "the summary of step 'x' holds the secret TOKEN, at byte 0"],
  ])('%s of a step fails it, whatever it may fail with, and only once', async (_, end, message) => {
    const engine = steps(() => end);
    const strict = job('steps: [{ id: s, run: x, allow-failure: true, retry: 2 }, y]');
    const ran = await executeText(strict, { engine, secrets, store: memoryStore() });
    expect(ran.statuses).toEqual({ a: 'failure (secret-in-artifact)' });
    expect(failureOf(ran)).toMatchObject({ message });
    expect(engine.calls.filter((call) => call.startsWith('run'))).toEqual(['run a: x']);
    expect(told(ran.events)).not.toContain(value);
  });

  test("an output of a job fails it where it is put together of two steps'", async () => {
    const engine = steps(({ script }) => ({
      outputs: `o=${script === 'x' ? value.slice(0, 9) : value.slice(9)}\n`,
    }));
    const both = '"${{ steps.x.outputs.o }}${{ steps.y.outputs.o }}"';
    const ran = await executeText(
      job(`steps: [{ id: x, run: x }, { id: y, run: y }], outputs: { whole: ${both} }`),
      { engine, secrets },
    );
    expect(ran.statuses).toEqual({ a: 'failure (secret-in-artifact)' });
    expect(ran.result.jobs.a?.outputs).toEqual({});
  });

  test('a value that is not guarded, or too short to be, may be published', async () => {
    const engine = leaves({ '/work/out': 'me and 1234567' });
    const file = job('steps: [x], artifacts: { d: out }')
      .replace('{}', '{ guard: false }, SHORT: {}')
      .replace('[TOKEN]', '[TOKEN, SHORT]');
    const ran = await executeText(file, { engine, secrets: { TOKEN: 'me and 12', SHORT: '1234567' } });
    expect(ran.statuses).toEqual({ a: 'success' });
  });

  test.each([
    ['artifact', 'artifacts: { d: out }'],
    ['output', 'outputs: { o: "${{ steps.s.outputs.o }}" }'],
    ['summary', ''],
  ])('a record whose %s holds what is a secret by now is not used', async (_, more) => {
    const store = memoryStore();
    const engine = steps((_step, io) => {
      io.files.set('/work/out', 'public-until-now');
      return { outputs: 'o=public-until-now\n', summary: 'public-until-now' };
    });
    const file = job(`steps: [{ id: s, run: x }], ${more}`);
    const before = await executeText(file, { engine, store, secrets });
    expect(before.statuses).toEqual({ a: 'success' });
    const now = await executeText(file, { engine, store, secrets: { TOKEN: 'public-until-now' } });
    expect(now.statuses).toEqual({ a: 'failure (secret-in-artifact)' });
  });
});

describe('snapshots of a job that is granted secrets', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
  afterEach(() => void vi.useRealTimers());
  const three = job('steps: [one, two, three]')
    .replace(' secrets: [TOKEN],', '')
    .replace('two,', '{ run: two, secrets: [TOKEN] },');
  const slow = (left: string) =>
    scriptedEngine({
      step: ({ script }, io) => {
        if (script === 'two') io.files.set('/root/.npmrc', left);
        vi.setSystemTime(Date.now() + 2000);
        return undefined;
      },
    });

  test('are kept when they hold no value', async () => {
    const [engine, store] = [slow('token from the environment'), memoryStore()];
    const ran = await executeText(three, { engine, store, secrets });
    expect(noticesOf(ran)).toEqual([]);
    expect(await engine.snapshots.list(store.id)).toMatchObject({ ok: true, value: { length: 2 } });
    const calls = engine.calls.filter((call) => call.startsWith('changes'));
    // Before any was granted there is nothing to look for.
    expect(calls).toEqual(['changes a']);
  });

  test('are removed when they do, with one word that names the file; the steps run again next time', async () => {
    const [engine, store] = [slow(`//registry/:_authToken=${value}`), memoryStore()];
    const ran = await executeText(three.replace('three]', 'three, four]'), { engine, store, secrets });
    expect(ran.statuses).toEqual({ a: 'success' });
    expect(noticesOf(ran)).toEqual([
      expect.stringMatching(
        /^secret-in-snapshot: step 'two' left the secret TOKEN in .*\.npmrc, at byte 23: no snapshot/,
      ),
    ]);
    expect(await engine.snapshots.list(store.id)).toMatchObject({ ok: true, value: { length: 1 } });
    const edited = await executeText(three.replace('three]', 'three, five]'), { engine, store, secrets });
    expect(edited.statuses).toEqual({ a: 'success' });
    expect(engine.calls.filter((call) => call.startsWith('run a')).slice(4)).toEqual([
      ...['run a: two', 'run a: three', 'run a: five'],
    ]);
  });

  test('are removed when they cannot be read', async () => {
    const [engine, store] = [slow('nothing'), memoryStore()];
    engine.snapshots.read = () => Promise.resolve(fail('environment', 'engine-refused', 'no'));
    const ran = await executeText(three, { engine, store, secrets });
    expect(ran.statuses).toEqual({ a: 'success' });
    expect(await engine.snapshots.list(store.id)).toMatchObject({ ok: true, value: { length: 1 } });
  });
});

describe('a service', () => {
  const served = `version: 1
secrets: { TOKEN: {}, EXTRA: { required: false } }
jobs:
  a:
    image: i
    services: { db: { image: d, env: { A: b }, secrets: [TOKEN, EXTRA] } }
    steps: [x]
`;
  test('gets those it is granted and that are there, and its job none', async () => {
    const seen: unknown[] = [];
    const engine = scriptedEngine({
      service: ({ env, secretEnv }) => void seen.push(env, secretEnv),
      step: ({ secretEnv }) => void seen.push(secretEnv),
    });
    const ran = await executeText(served, { engine, secrets });
    expect(ran.statuses).toEqual({ a: 'success' });
    expect(seen).toEqual([{ A: 'b' }, { TOKEN: value }, {}]);
  });

  test('does not start without a required one that nobody looked up', async () => {
    const engine = scriptedEngine();
    const ran = await executeText(served, { engine });
    expect(ran.statuses).toEqual({ a: 'failure (configuration)' });
    expect(failureOf(ran)).toMatchObject({ code: 'secret-missing' });
    expect(engine.sandboxes).toBe(0);
    expect(engine.calls).not.toContain('open a');
  });
});
