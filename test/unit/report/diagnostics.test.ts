import { expect, test } from 'vitest';
import type { Diagnostic } from '../../../src/model/diagnostic.ts';
import { fail } from '../../../src/model/failure.ts';
import { renderDiagnostics, renderFailure } from '../../../src/report/diagnostics.ts';
import { textOf } from '../../../src/report/told.ts';

const render = (text: string, ...diagnostics: Diagnostic[]): string[] =>
  textOf(renderDiagnostics(diagnostics, new Map([['lockstep.yml', text]]), { color: false })).split('\n');

function at(text: string, stretch: string, more: Partial<Diagnostic> = {}): Diagnostic {
  const location = { file: 'lockstep.yml', offset: text.indexOf(stretch), length: stretch.length };
  return { severity: 'error', code: 'unknown-key', message: 'no such key', location, ...more };
}

test('place, line, carets, hint, related place, count', () => {
  const text = 'version: 1\njobs:\n  build:\n    need: [lint]\n';
  const related = [
    { message: 'in this job', location: { file: 'lockstep.yml', offset: text.indexOf('build'), length: 5 } },
  ];
  expect(render(text, at(text, 'need', { hint: "did you mean 'needs'?", related }))).toEqual([
    'lockstep.yml:4:5: error[unknown-key]: no such key',
    '   4 |     need: [lint]',
    '     |     ^^^^',
    "  hint: did you mean 'needs'?",
    '  lockstep.yml:3:3: in this job',
    '   3 |   build:',
    '     |   ^^^^^',
    '',
    '1 error',
    '',
  ]);
});

test.each([
  ['a tab', '\tneed: x\n', 'need', 1, '     |     ^^^^'],
  ['wide characters', '日本: need\n', 'need', 1, '     |       ^^^^'],
  ['wide characters marked', 'x: 日本\n', '日本', 1, '     |    ^^^^'],
  ['combining characters', 'e\u0301e\u0301: need\n', 'need', 1, '     |     ^^^^'],
  ['CRLF', 'a: 1\r\nneed: x\r\n', 'need', 2, '     | ^^^^'],
  ['a stretch over several lines', 'run: |\n  a\n  b\n', 'run: |\n  a', 1, '     | ^^^^^^'],
])('the caret stands right with %s', (_what, text, stretch, line, carets) => {
  const lines = render(text, at(text, stretch));
  expect(lines[0]).toMatch(new RegExp(`^lockstep.yml:${line}:`));
  expect(lines[2]).toBe(carets);
});

test('a long line is cut around the caret', () => {
  const text = `key: ${'x'.repeat(5000)} bad ${'y'.repeat(5000)}\n`;
  const [head, line = '', carets = ''] = render(text, at(text, 'bad'));
  expect(head).toContain('lockstep.yml:1:5007:');
  expect(line.length).toBeLessThan(120);
  expect(line.slice(carets.indexOf('^'), carets.lastIndexOf('^') + 1)).toBe('bad');
});

test('the end of the file, an empty stretch, an offset past the end', () => {
  const end = { file: 'lockstep.yml', offset: 99, length: 0 };
  expect(render('a: 1\n', at('a', 'a', { location: end })).slice(0, 3)).toEqual([
    'lockstep.yml:2:1: error[unknown-key]: no such key',
    '   2 |',
    '     | ^',
  ]);
});

test('no place, a file that is not at hand, order and count', () => {
  const text = 'b: 1\na: 2\n';
  const lines = render(
    text,
    at(text, 'a', { severity: 'warning' }),
    at(text, 'b'),
    { severity: 'error', code: 'param-value', message: 'bad param' },
    {
      severity: 'error',
      code: 'wrong-type',
      message: 'x',
      location: { file: 'o\nther', offset: 0, length: 1 },
    },
  );
  expect(lines.filter((line) => /error|warning/.test(line))).toEqual([
    'error[param-value]: bad param',
    'lockstep.yml:1:1: error[unknown-key]: no such key',
    'lockstep.yml:2:1: warning[unknown-key]: no such key',
    'o\\nther: error[wrong-type]: x',
    '3 errors, 1 warning',
  ]);
});

test('nothing to say is nothing', () => {
  expect(renderDiagnostics([], new Map(), { color: true })).toEqual([]);
});

test('control characters of the file never reach the terminal', () => {
  const text = 'a: \x1b[2J\x07\n';
  expect(render(text, at(text, 'a')).join('')).not.toMatch(/\p{Cc}/u);
});

test('a failure shows cause and hint, and keeps their lines', () => {
  const { failure } = fail('environment', 'no-engine', 'No engine answers.', {
    cause: 'a.sock: ENOENT\nb.sock: EACCES\x1b[2J',
    hint: 'run dockerd',
  });
  expect(renderFailure(failure, { color: false }).text).toBe(
    'error[no-engine]: No engine answers.\n  cause: a.sock: ENOENT\n    b.sock: EACCES\\x1b[2J\n  hint: run dockerd\n',
  );
  expect(renderFailure(failure, { color: true }).text).toContain('\x1b[31merror[no-engine]');
});

test('a problem says all of it, at its place', () => {
  const text = 'jobs:\n  build:\n    need: [lint]\n';
  const [told, total] = renderDiagnostics(
    [at(text, 'need', { hint: 'h' })],
    new Map([['lockstep.yml', text]]),
    {
      color: true,
    },
  );
  expect(told?.problem).toEqual({
    ...{ level: 'error', title: 'unknown-key', file: 'lockstep.yml', line: 3, column: 5 },
    message:
      'lockstep.yml:3:5: error[unknown-key]: no such key\n   3 |     need: [lint]\n     |     ^^^^\n  hint: h',
  });
  expect(total).toEqual({ text: '1 error\n' });
});
