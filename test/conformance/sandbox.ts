// The sandbox contract as tests. Each program is told twice: as a shell script and as what a scripted step does.
import { text } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { extract, pack } from 'tar-stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import type {
  Engine,
  Image,
  Sandbox,
  SandboxSpec,
  StepEnd,
  StepSpec,
  StopSignals,
} from '../../src/contract/sandbox.ts';
import type { LogStream } from '../../src/model/event.ts';
import type { ScriptedEnd, StepIo } from '../fakes/scripted-engine.ts';

export interface Program {
  readonly sh: string;
  readonly scripted: (io: StepIo) => Promise<ScriptedEnd | undefined> | ScriptedEnd | undefined;
}

export interface SandboxFactory {
  readonly image: string;
  /** A new engine of one test file. `programs` are all that its steps may run. */
  make(programs: readonly Program[]): Promise<Engine>;
  /** Steps ask for an exec of their own. */
  readonly isolated: boolean;
}

export const never = new AbortController().signal;
export const dontStop: StopSignals = { stop: never, kill: never, graceMs: 10_000 };

export const noSecrets = { secretEnv: {}, secretFiles: {} };

export interface Ran extends StepEnd {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a step and gathers what it wrote; `seen` is called with all of it whenever more comes. */
export async function runStep(
  sandbox: Sandbox,
  script: string,
  more: Partial<StepSpec> = {},
  stop: StopSignals = dontStop,
  seen: (all: string) => void | Promise<void> = () => undefined,
): Promise<Ran> {
  const written: Record<LogStream, Buffer[]> = { stdout: [], stderr: [] };
  const step = {
    script,
    shell: ['sh', '-e'],
    env: {},
    user: null,
    workdir: '/work',
    isolated: false,
    ...noSecrets,
    ...more,
  };
  const end = await sandbox.run(
    step,
    async (stream, chunk) => {
      written[stream].push(Buffer.from(chunk));
      await seen(Buffer.concat([...written.stdout, ...written.stderr]).toString());
    },
    stop,
  );
  return {
    ...end,
    stdout: Buffer.concat(written.stdout).toString(),
    stderr: Buffer.concat(written.stderr).toString(),
  };
}

export const specFor = (image: Image, more: Partial<SandboxSpec> = {}): SandboxSpec => ({
  job: 'job',
  runId: 'conformance',
  image,
  platform: 'linux/amd64',
  user: null,
  workdir: '/work',
  network: false,
  privileged: false,
  resources: {},
  hasServices: false,
  snapshot: null,
  caches: [],
  ...more,
});

export async function imageOf(engine: Engine, reference: string): Promise<Image> {
  const image = await engine.image(reference, { platform: 'linux/amd64', pull: false, signal: never });
  if (!image.ok) throw new Error(image.failure.message);
  return image.value;
}

export async function opened(engine: Engine, spec: SandboxSpec): Promise<Sandbox> {
  const sandbox = await engine.open(spec);
  if (!sandbox.ok) throw new Error(`${sandbox.failure.message}: ${sandbox.failure.cause ?? ''}`);
  return sandbox.value;
}

export async function tarOf(files: Readonly<Record<string, string>>): Promise<AsyncIterable<Uint8Array>> {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name }, content);
  tar.finalize();
  const chunks: Uint8Array[] = [];
  for await (const chunk of tar) chunks.push(chunk as Uint8Array);
  return Readable.from(chunks);
}

export async function filesOf(tar: Readable): Promise<Readonly<Record<string, string>>> {
  const files: Record<string, string> = {};
  for await (const entry of tar.pipe(extract())) {
    const content = await text(entry);
    if (entry.header.type === 'file') files[entry.header.name] = content;
  }
  return files;
}

const p = {
  hello: {
    sh: 'echo out; echo err >&2',
    scripted: async (io) => {
      await io.write('stdout', 'out\n');
      await io.write('stderr', 'err\n');
      return undefined;
    },
  },
  three: { sh: 'exit 3', scripted: () => ({ exitCode: 3 }) },
  leaves: {
    sh: 'echo a=1 >>"$LOCKSTEP_OUTPUT"; echo "# done" >>"$LOCKSTEP_SUMMARY"',
    scripted: () => ({ outputs: 'a=1\n', summary: '# done\n' }),
  },
  leavesNothing: { sh: 'true', scripted: () => undefined },
  leavesTooMuch: {
    sh: 'head -c 1048577 /dev/zero >"$LOCKSTEP_OUTPUT"',
    scripted: () => ({ outputs: 'x'.repeat(1024 * 1024 + 1) }),
  },
  hangs: {
    sh: 'echo on; sleep 600',
    scripted: async (io) => {
      await io.write('stdout', 'on\n');
      return new Promise(() => undefined);
    },
  },
  ignoresTerm: {
    sh: 'trap "echo term" TERM; echo on; while :; do sleep 600; done',
    scripted: async (io) => {
      const term = io.trapTerm();
      await io.write('stdout', 'on\n');
      await term;
      await io.write('stdout', 'term\n');
      return new Promise(() => undefined);
    },
  },
  copies: {
    sh: 'cp in.txt out.txt',
    scripted: (io) => {
      io.files.set('/work/out.txt', io.files.get('/work/in.txt') ?? '');
      return undefined;
    },
  },
  secrets: {
    sh: 'echo "$TOKEN $KEY_FILE $(cat "$KEY_FILE" || true)"; ls /run/secrets',
    scripted: async (io) => {
      const { TOKEN = '', KEY_FILE = '' } = io.env;
      const folder = '/run/secrets/';
      const names = [...io.files.keys()].filter((path) => path.startsWith(folder));
      await io.write('stdout', `${TOKEN} ${KEY_FILE} ${io.files.get(KEY_FILE) ?? ''}\n`);
      for (const name of names) await io.write('stdout', `${name.slice(folder.length)}\n`);
      return undefined;
    },
  },
} satisfies Record<string, Program>;

/** What every sandbox must do. */
export function sandboxContract(name: string, factory: SandboxFactory): void {
  describe(`sandbox contract: ${name}`, () => {
    let engine: Engine;
    let image: Image;
    const open: Sandbox[] = [];
    const sandbox = async (more: Partial<SandboxSpec> = {}): Promise<Sandbox> => {
      const one = await opened(engine, specFor(image, more));
      open.push(one);
      return one;
    };
    const run = (
      box: Sandbox,
      program: Program,
      stop?: StopSignals,
      seen?: (all: string) => void | Promise<void>,
    ) => runStep(box, program.sh, { isolated: factory.isolated }, stop, seen);

    beforeAll(async () => {
      engine = await factory.make(Object.values(p));
      image = await imageOf(engine, factory.image);
    });
    afterEach(async () => {
      await Promise.all(open.splice(0).map((one) => one.close()));
    });
    afterAll(() => engine.close());

    test('an image has an id and a digest', () => {
      expect(image.id).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(image.digest).toMatch(/^sha256:[0-9a-f]{64}$/);
      expect(image.reference).toBe(factory.image);
    });

    test('output comes on its own stream, the exit code at the end, step after step', async () => {
      const box = await sandbox();
      expect(await run(box, p.hello)).toMatchObject({
        exitCode: 0,
        stdout: 'out\n',
        stderr: 'err\n',
        stopped: false,
      });
      expect(await run(box, p.three)).toMatchObject({ exitCode: 3, stdout: '', stderr: '' });
      expect(await run(box, p.hello)).toMatchObject({ exitCode: 0, stdout: 'out\n', stderr: 'err\n' });
    });

    test('what a step leaves in its files is its own', async () => {
      const box = await sandbox();
      const first = await run(box, p.leaves);
      expect(Buffer.from(first.outputs).toString()).toBe('a=1\n');
      expect(Buffer.from(first.summary).toString()).toBe('# done\n');
      const second = await run(box, p.leavesNothing);
      expect(second.outputs).toHaveLength(0);
      expect(second.summary).toHaveLength(0);
    });

    test('more than 1 MiB of outputs is a failure', async () => {
      const ran = await run(await sandbox(), p.leavesTooMuch);
      expect(ran).toMatchObject({ exitCode: 0, failure: { kind: 'pipeline', code: 'output-too-large' } });
      expect(ran.outputs).toHaveLength(0);
    });

    test('a step that is to stop before it starts does not start', async () => {
      const ran = await run(await sandbox(), p.hello, { ...dontStop, stop: AbortSignal.abort() });
      expect(ran).toMatchObject({ stopped: true, stdout: '' });
      expect(ran.exitCode).toBeUndefined();
    });

    test('SIGTERM ends a step, the next one runs', async () => {
      const box = await sandbox();
      const stop = new AbortController();
      const ran = await run(box, p.hangs, { ...dontStop, stop: stop.signal }, () => stop.abort());
      expect(ran).toMatchObject({ stopped: true, stdout: 'on\n' });
      expect(ran).not.toHaveProperty('exitCode');
      expect(ran).not.toHaveProperty('failure');
      expect(await run(box, p.hello)).toMatchObject({ exitCode: 0, stopped: false });
    });

    test('a step that ignores SIGTERM gets it once and is killed after the grace', async () => {
      const stop = new AbortController();
      const ran = await run(
        await sandbox(),
        p.ignoresTerm,
        { ...dontStop, stop: stop.signal, graceMs: 50 },
        () => stop.abort(),
      );
      expect(ran).toMatchObject({
        stopped: true,
        stdout: expect.stringMatching(/^on\n(term\n)?$/) as string,
      });
      expect(ran).not.toHaveProperty('exitCode');
    });

    test('kill does not wait for the grace', async () => {
      const kill = new AbortController();
      const stop = new AbortController();
      const ran = await run(
        await sandbox(),
        p.ignoresTerm,
        { stop: stop.signal, kill: kill.signal, graceMs: 600_000 },
        (all) => {
          stop.abort();
          if (all.includes('term') || !all.includes('on')) return;
          kill.abort();
        },
      );
      expect(ran).toMatchObject({ stopped: true });
    });

    test('a consumer that waits makes the step wait, and loses nothing', async () => {
      let waiting = 0;
      const ran = await run(await sandbox(), p.hello, dontStop, async () => {
        expect(++waiting).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        waiting--;
      });
      expect(ran).toMatchObject({ stdout: 'out\n', stderr: 'err\n' });
    });

    test('files go in and come out', async () => {
      const box = await sandbox();
      expect(await box.put(await tarOf({ 'work/in.txt': 'text', 'work/a/b': 'deep' }))).toEqual({ ok: true });
      expect(await run(box, p.copies)).toMatchObject({ exitCode: 0 });
      const got = await box.get('/work');
      if (!got.ok || got.value === null) throw new Error('nothing came out');
      expect(await filesOf(got.value)).toEqual({
        'work/in.txt': 'text',
        'work/out.txt': 'text',
        'work/a/b': 'deep',
      });
      const one = await box.get('/work/a/b');
      if (!one.ok || one.value === null) throw new Error('nothing came out');
      expect(await filesOf(one.value)).toEqual({ b: 'deep' });
      expect(await box.get('/work/nothing')).toEqual({ ok: true, value: null });
    });

    test('secrets are there for their step alone', async () => {
      const box = await sandbox();
      const more = { isolated: factory.isolated, env: { TOKEN: 'loses' } };
      const granted = { secretEnv: { TOKEN: 'a b' }, secretFiles: { KEY: Buffer.from('key') } };
      const first = await runStep(box, p.secrets.sh, { ...more, ...granted });
      expect(first).toMatchObject({ exitCode: 0, stdout: 'a b /run/secrets/KEY key\nKEY\n' });
      expect((await runStep(box, p.secrets.sh, more)).stdout).toBe('loses  \n');
    });

    test('close ends what is under way, and may come twice', async () => {
      const box = await sandbox();
      const ran = await run(box, p.hangs, dontStop, () => box.close());
      expect(ran).toMatchObject({ failure: { kind: 'environment', code: 'sandbox-died' } });
      expect(ran).not.toHaveProperty('exitCode');
      await box.close();
      expect(await run(box, p.hello)).toMatchObject({ failure: { code: 'sandbox-died' }, stdout: '' });
      expect(await box.put(await tarOf({ 'work/x': '' }))).toMatchObject({
        ok: false,
        failure: { code: 'sandbox-died' },
      });
      expect(await box.get('/work')).toMatchObject({ ok: false });
    });

    test('sandboxes work side by side', async () => {
      const boxes = await Promise.all([sandbox({ job: 'a' }), sandbox({ job: 'b' })]);
      const ran = await Promise.all(boxes.map((box) => run(box, p.hello)));
      for (const one of ran) expect(one).toMatchObject({ exitCode: 0, stdout: 'out\n' });
    });
  });
}
