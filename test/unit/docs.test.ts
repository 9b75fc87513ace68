// The documents say what the sources do: every code is explained, every example is valid, every command exists.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { main } from '../../src/cli/main.ts';
import { parsePipeline } from '../../src/pipeline/parse.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const documents = ['README.md', ...globSync('docs/*.md', { cwd: root })].sort();
const found = (text: string, pattern: RegExp): string[] =>
  Array.from(text.matchAll(pattern), ([, first = '']) => first);

describe('docs/errors.md', () => {
  const sources = globSync('{src,engine,providers}/**/*.ts', { cwd: root }).sort().map(read);
  /** Calls of `fail` that say whose fault it is; `failure` is what engine/docker/errors.ts calls it. */
  const call = /\bfail(?:ure)?\(\s*'(?:usage|environment|pipeline)',\s*/;

  const union = /DiagnosticCode =([^;]*);/.exec(read('src/model/diagnostic.ts'))?.[1] ?? '';
  const diagnostics = found(union, /'([a-z-]+)'/g);
  const failures = sources.flatMap((text) => found(text, new RegExp(`${call.source}'([a-z-]+)'`, 'g')));
  const notices = globSync('{engine,src/compose}/**/*.ts', { cwd: root }).flatMap((path) =>
    found(read(path), /\b(?:code: |notices\.tell\()'([a-z-]+)'/g),
  );
  const explained = found(read('docs/errors.md'), /^\| `([a-z-]+)` +\|/gm);

  it('explains every code that the sources give, once, and no other', () => {
    expect([diagnostics.length, failures.length, notices.length].every((count) => count > 3)).toBe(true);
    expect(explained.toSorted()).toEqual([...new Set([...diagnostics, ...failures, ...notices])].sort());
  });

  it('can see every code: each failure has its own as a literal', () => {
    const hidden = sources.flatMap((text) => found(text, new RegExp(`(${call.source}[^'\\s].*)`, 'g')));
    expect(hidden).toEqual([]);
  });
});

describe.each(documents)('%s', (document) => {
  const text = read(document);
  const examples = found(text, /^```yaml\n(version: 1\n[^]*?)^```$/gm);

  it('has only examples that `lockstep check` finds nothing wrong with', () => {
    expect(examples.map((example) => parsePipeline({ file: document, text: example }).diagnostics)).toEqual(
      examples.map(() => []),
    );
  });

  it('links to what is there', () => {
    const broken = found(text, /\]\(([^)]+)\)/g).filter((link) => {
      const [path = '', anchor] = link.split('#');
      const file = path === '' ? document : join(dirname(document), path);
      return (
        !existsSync(join(root, file)) || (anchor !== undefined && !anchorsOf(read(file)).includes(anchor))
      );
    });
    expect(broken).toEqual([]);
  });
});

const anchorsOf = (text: string): string[] =>
  found(text, /^#+ (.*)$/gm).map((title) =>
    title
      .toLowerCase()
      .replace(/[^a-z0-9 -]/g, '')
      .replaceAll(' ', '-'),
  );

it('has examples to look at', () => {
  const pipelines = documents.flatMap((path) => found(read(path), /^```yaml\n(version: 1)$/gm));
  expect(pipelines.length).toBeGreaterThan(8);
});

describe('commands and options', () => {
  afterEach(() => vi.restoreAllMocks());
  const printed = async (...words: string[]): Promise<{ code: number; text: string }> => {
    let text = '';
    for (const stream of [process.stdout, process.stderr]) {
      vi.spyOn(stream, 'write').mockImplementation((chunk) => {
        text += String(chunk);
        return true;
      });
    }
    const code = await main(words);
    return { code, text };
  };
  const commands = [...new Set(documents.flatMap((path) => found(read(path), /\blockstep ([a-z]+)\b/g)))];

  it('are there when README or docs name them', async () => {
    const known = found((await printed('help')).text, /^ {2}([a-z]+) /gm);
    expect(known).toContain('run');
    expect(found(read('README.md'), /\blockstep ([a-z]+)/g).filter((name) => !known.includes(name))).toEqual(
      [],
    );
    let help = '';
    for (const command of commands.filter((name) => known.includes(name))) {
      const { code, text } = await printed(command, '--help');
      expect([command, code]).toEqual([command, 0]);
      help += text;
      const [, parts = ''] = text.split('\nCommands:\n');
      for (const part of found(parts, /^ {2}([a-z-]+) /gm))
        if (part !== 'help') help += (await printed(command, part, '--help')).text;
    }
    const options = documents.flatMap((path) => found(read(path), /[`\s](--[a-z]+(?:-[a-z]+)*)/g));
    const others = ['--cached', '--user']; // of git and systemctl
    expect(options.filter((option) => !help.includes(option) && !others.includes(option))).toEqual([]);
  });

  it('of npm are scripts of package.json', () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const shell = found(read('README.md'), /^```sh\n([^]*?)^```$/gm).join('');
    const named = found(shell, /\bnpm (?:run )?([a-z:]+)/g).filter((name) => name !== 'ci');
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });
});
