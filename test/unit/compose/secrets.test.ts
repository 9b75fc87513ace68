import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runSecretCommand } from '../../../src/compose/secret-command.ts';
import { locateSecrets, previewSecrets, readSecrets } from '../../../src/compose/secrets.ts';
import type { Plan } from '../../../src/model/plan.ts';
import { createEvaluator } from '../../../src/pipeline/evaluator.ts';
import { planOf } from '../../rig/in-process.ts';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'lockstep-secrets-'));
  mkdirSync(join(root, '.lockstep'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const declared = '{ A: {}, B: { required: false }, F: { file: true, required: false }, UNUSED: {} }';
const whole = planOf(`version: 1
secrets: ${declared}
defaults: { image: "x:1" }
jobs:
  a: { secrets: [A], steps: [{ run: x, secrets: [F] }], services: { s: { image: "y:1", secrets: [B] } } }
`);
const onFork: Plan = {
  ...whole,
  context: {
    ...whole.context,
    event: { name: 'pull-request', 'pull-request': { number: 1, source: 'x', target: 'main', fork: true } },
  },
};

interface Given {
  readonly words?: readonly string[];
  readonly file?: string;
  readonly env?: Record<string, string>;
  readonly plan?: Plan;
  readonly allowFork?: boolean;
}

const writeSecrets = (text: string): void =>
  writeFileSync(join(root, '.lockstep/secrets.env'), text, { mode: 0o600 });

async function located({ words = [], file, env = {}, plan = whole, allowFork = false }: Given) {
  if (file !== undefined) writeSecrets(file);
  const options = { secret: words, allowFork, folder: root };
  return locateSecrets(plan, root, options, { PATH: process.env.PATH, ...env }, null);
}

async function read(given: Given) {
  const places = await located(given);
  if (!places.ok) return places.failure;
  const { plan = whole } = given;
  const end = await readSecrets(plan, places.value, createEvaluator(), new AbortController().signal);
  return end.ok ? end.value : end.failure;
}

/** Name → value, or the failure's words. */
async function values(given: Given): Promise<Record<string, string> | string> {
  const end = await read(given);
  if ('code' in end) return `${end.code}: ${end.message}${end.cause === undefined ? '' : ` | ${end.cause}`}`;
  return Object.fromEntries([...end.values].map(([name, value]) => [name, value.toString()]));
}

async function origins(given: Given): Promise<Record<string, string>> {
  const places = await located(given);
  if (!places.ok) return { failure: places.failure.code };
  const { plan = whole } = given;
  return Object.fromEntries(
    Object.entries(previewSecrets(plan, places.value)).map(([name, { value }]) => [
      name,
      value.is === 'found'
        ? value.from
        : value.is === 'missing'
          ? value.lookedIn.join(' | ')
          : value.is === 'refused'
            ? value.because
            : value.is,
    ]),
  );
}

describe('the order of sources', () => {
  const file = 'A=file\n';
  const env = { LOCKSTEP_SECRET_A: 'environment', V: 'variable' };

  it.each<[string, Given, string, string]>([
    ['--secret', { words: ['A=word'], file, env }, 'word', '--secret'],
    ['the last --secret of a name', { words: ['A=one', 'A=two=2'], file, env }, 'two=2', '--secret'],
    ['a variable', { words: ['A=env:V'], file, env }, 'variable', '--secret (env:V)'],
    ['secrets.env', { file, env }, 'file', '.lockstep/secrets.env'],
    ['the environment', { env }, 'environment', 'the environment variable LOCKSTEP_SECRET_A'],
    [
      'what is not set is passed over',
      { words: ['A=env:NO'], env },
      'environment',
      'the environment variable LOCKSTEP_SECRET_A',
    ],
    [
      'and so is what is empty',
      { words: ['A='], file: 'A=\n', env },
      'environment',
      'the environment variable LOCKSTEP_SECRET_A',
    ],
  ])('%s', async (_, given, value, from) => {
    expect(await values(given)).toEqual({ A: value });
    expect((await origins(given)).A).toBe(from);
  });

  it('names all places of what is missing, and only what is required', async () => {
    const places = '.lockstep/secrets.env, the environment variable LOCKSTEP_SECRET_A';
    expect(await values({})).toBe(
      `secret-missing: the secret A is missing | A: looked in --secret, ${places}`,
    );
    expect(await values({ words: ['A=env:NO'] })).toContain(
      `looked in --secret (env:NO is not set), ${places}`,
    );
  });

  it('tells nothing of secrets that nobody uses, and does not look for them', async () => {
    const given = { words: ['A=x', 'UNUSED=cmd:exit 1'] };
    expect(await values(given)).toEqual({ A: 'x' });
    expect(Object.keys(await origins(given))).toEqual(['A', 'B', 'F']);
  });

  it('needs none for a job that is skipped whatever happens', async () => {
    const skipped = planOf(
      'version: 1\nsecrets: [A]\njobs: { a: { image: "x:1", if: "git.tag != \'\'", secrets: [A], steps: [x] } }\n',
    );
    expect(await values({ plan: skipped, words: ['A=cmd:exit 1'] })).toEqual({});
    expect(await values({ plan: skipped })).toEqual({});
  });
});

describe('--secret', () => {
  it.each([
    ['ghp_something', 'secret-option: --secret is not of the form NAME=…'],
    ['=ghp_something', 'secret-option: --secret is not of the form NAME=…'],
    ['ghp_something==', 'unknown-secret: --secret names no secret of the file'],
    ['toString=x', 'unknown-secret: --secret names no secret of the file'],
    ['UNUSDE=x', "unknown-secret: there is no secret 'UNUSDE'"],
    ['TOKEN=x', "unknown-secret: there is no secret 'TOKEN'"],
  ])('%s: is told without what may be a value', async (word, message) => {
    expect(await values({ words: [word] })).toBe(message);
  });

  it('takes values of 64 KiB', async () => {
    const value = 'x'.repeat(65536);
    writeFileSync(join(root, 'largest'), `${value}\n`);
    expect(await values({ words: ['A=file:largest', 'B=cmd:cat largest'] })).toEqual({ A: value, B: value });
  });

  it('reads files from the folder, without one newline at the end', async () => {
    const bytes = Buffer.from([0, 255, 10, 10]);
    writeFileSync(join(root, 'a'), 'one\ntwo\r\n');
    writeFileSync(join(root, 'f'), bytes);
    const end = await read({ words: ['A=file:a', `F=file:${root}/f`] });
    expect(end).toMatchObject({
      values: new Map([
        ['A', Buffer.from('one\ntwo')],
        ['F', bytes.subarray(0, 3)],
      ]),
    });
  });

  it.each([
    ['A=file:none', 'cannot be read'],
    ['A=file:.', 'is no regular file'],
    ['A=file:pipe', 'is no regular file'],
    ['A=file:large', 'is larger than 64 KiB'],
    ['F=file:large', 'is larger than 64 KiB'],
    ['F=file:huge', 'is larger than 64 KiB'],
    ['A=file:newline', 'is empty'],
    ['A=file:nul', 'holds a NUL byte'],
    ['A=file:bytes', 'is not UTF-8'],
  ])('%s is refused: it %s', async (word, why) => {
    execFileSync('mkfifo', [join(root, 'pipe')]);
    writeFileSync(join(root, 'large'), Buffer.alloc(65537, 'x'));
    writeFileSync(join(root, 'huge'), Buffer.alloc(70000, 'x'));
    writeFileSync(join(root, 'newline'), '\n');
    writeFileSync(join(root, 'nul'), 'a\0b');
    writeFileSync(join(root, 'bytes'), Buffer.from([0xff, 0x61]));
    const message = await values({ words: ['A=x', word] });
    expect(message).toContain('secret-unreadable: ');
    expect(message).toContain(why);
  });
});

describe('commands', () => {
  it('give what they print, once, in the folder, with the environment and without stdin', async () => {
    const command = 'cat; echo ran >> ran; echo "$V-$(ls ran)"; sleep 600 &';
    expect(await values({ words: [`A=cmd:${command}`], env: { V: 'v' } })).toEqual({ A: 'v-ran' });
    expect(await values({ words: ['A=file:ran'] })).toEqual({ A: 'ran' });
  });

  it('are not run to plan', async () => {
    expect(
      await origins({ words: ['A=cmd:TOKEN=x vault read', 'B=cmd:/bin/op read x', 'F=cmd:exit'] }),
    ).toEqual({
      ...{ A: '--secret (cmd:…)', B: '--secret (cmd:/bin/op)', F: '--secret (cmd:exit)' },
    });
  });

  it.each([
    ['exit 3', 'secret-command: the command of the secret B (exit) ended with 3'],
    ['kill -9 $$', 'secret-command: the command of the secret B (kill) was killed by SIGKILL'],
    ['true', 'secret-command: the command of the secret B (true) printed nothing'],
    ['yes', 'secret-command: the command of the secret B (yes) printed more than 64 KiB'],
    [
      'head -c 3000 /dev/zero | tr "\\0" x >&2; echo >&2; echo last >&2; exit 1',
      'secret-command: the command of the secret B (head) ended with 1 | last',
    ],
    [
      'head -c 3000 /dev/zero | tr "\\0" x >&2; exit 1',
      'secret-command: the command of the secret B (head) ended with 1',
    ],
    [
      'echo mine12; echo "bad mine12 and other12" >&2; false',
      'secret-command: the command of the secret B (echo) ended with 1 | bad *** and ***',
    ],
  ])('%s', async (command, message) => {
    expect(await values({ words: ['A=other12', `B=cmd:${command}`] })).toBe(message);
  });

  it('are stopped, with all that they started, when they take too long or the run is cancelled', async () => {
    const around = { folder: root, environment: { PATH: process.env.PATH } };
    const { signal } = new AbortController();
    const late = await runSecretCommand('A', 'sleep 600 | cat', { ...around, signal, timeoutMs: 50 });
    expect(late).toMatchObject({ failure: { message: expect.stringContaining('took longer') as string } });
    const stopped = await runSecretCommand('A', 'sleep 600', { ...around, signal: AbortSignal.abort() });
    expect(stopped).toMatchObject({ failure: { message: expect.stringContaining('stopped') as string } });
  });

  it('cannot be started without sh', async () => {
    const around = { folder: join(root, 'none'), environment: {}, signal: new AbortController().signal };
    expect(await runSecretCommand('A', 'true', around)).toMatchObject({
      failure: { code: 'secret-command' },
    });
  });
});

describe('.lockstep/secrets.env', () => {
  const path = () => join(root, '.lockstep/secrets.env');

  it.each([0o640, 0o604, 0o660, 0o644])('is refused with mode %o', async (mode) => {
    writeSecrets('A=x');
    chmodSync(path(), mode);
    expect(await values({})).toBe(
      `secrets-file: .lockstep/secrets.env is open to others (mode ${mode.toString(8)})`,
    );
  });

  it('is refused as a link, behind one, or as something else', async () => {
    writeFileSync(join(root, 'elsewhere'), 'A=x', { mode: 0o600 });
    symlinkSync(join(root, 'elsewhere'), path());
    expect(await values({})).toBe('secrets-file: .lockstep/secrets.env is reached by a link');
    rmSync(join(root, '.lockstep'), { recursive: true });
    mkdirSync(join(root, 'folder'));
    symlinkSync(join(root, 'folder'), join(root, '.lockstep'));
    expect(await values({})).toBe('secrets-file: .lockstep/secrets.env is reached by a link');
    rmSync(join(root, '.lockstep'));
    mkdirSync(path(), { recursive: true });
    expect(await values({})).toContain('secrets-file: .lockstep/secrets.env is no regular file');
  });

  it('is refused when git tracks it', async () => {
    const git = (...words: string[]) => execFileSync('git', words, { cwd: root, stdio: 'ignore' });
    git('init', '-q');
    expect(await values({ file: 'A=x' })).toEqual({ A: 'x' });
    git('add', '-f', '.lockstep/secrets.env');
    expect(await values({})).toBe('secrets-file: .lockstep/secrets.env is tracked by git');
  });

  it('is not asked for what is known before', async () => {
    writeSecrets('nonsense');
    const words = ['A=a', 'B=b', 'F=f'];
    expect(await values({ words })).toEqual({ A: 'a', B: 'b', F: 'f' });
    expect(await values({ words: ['A=a'] })).toBe(
      'secrets-file: .lockstep/secrets.env line 1: expected NAME=value',
    );
    expect((await origins({})).A).toBe('.lockstep/secrets.env line 1: expected NAME=value');
  });
});

describe('a change request from a fork', () => {
  const words = ['A=cmd:touch ran; echo x'];

  it('reads no source', async () => {
    const end = await read({ plan: onFork, words, file: 'nonsense', env: { LOCKSTEP_SECRET_B: 'b' } });
    expect(end).toMatchObject({ withheld: true, values: new Map(), withheldFrom: new Map([['a', ['A']]]) });
    expect(await origins({ plan: onFork, words })).toEqual({ A: 'withheld', B: 'withheld', F: 'withheld' });
    expect(() => execFileSync('ls', [join(root, 'ran')], { stdio: 'ignore' })).toThrow();
  });

  it('reads all of them with --allow fork-secrets', async () => {
    expect(await read({ plan: onFork, words, allowFork: true })).toMatchObject({
      withheld: false,
      values: new Map([['A', Buffer.from('x')]]),
      withheldFrom: new Map(),
    });
  });
});
