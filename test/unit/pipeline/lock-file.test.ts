import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { imageProblem } from '../../../src/model/image-reference.ts';
import { parseLock, printLock } from '../../../src/pipeline/lock-file.ts';
import { renderDiagnostics } from '../../../src/report/diagnostics.ts';
import { textOf } from '../../../src/report/told.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const good = printLock(
  new Map([
    ['node:24', digest],
    ['debian', digest],
  ]),
);
const parse = (text: string) => parseLock({ file: 'lockstep.lock', text });

/** What is wrong, each as `line:column message`, or the pins. */
async function look(text: string) {
  const { pins, diagnostics } = await parse(text);
  expect(pins === null).toBe(diagnostics.length > 0);
  if (pins) return [...pins.keys()];
  const shown = textOf(renderDiagnostics(diagnostics, new Map([['lockstep.lock', text]]), { color: false }));
  return Array.from(
    shown.matchAll(/^lockstep\.lock:(\d+:\d+): error\[([a-z-]+)\]: (.*)$/gm),
    ([, place, code, message]) => `${place} ${code === 'invalid-lock-file' ? '' : `[${code}] `}${message}`,
  );
}

test('one image a line, sorted, so that a change is a line', () => {
  expect(good).toBe(
    `{\n  "version": 1,\n  "images": {\n    "debian": "${digest}",\n    "node:24": "${digest}"\n  }\n}\n`,
  );
  expect(printLock(new Map())).toBe('{\n  "version": 1,\n  "images": {}\n}\n');
});

test('what is printed is parsed to the same pins, and printed the same again', async () => {
  const part = fc.stringMatching(/^[a-z0-9]{1,8}$/);
  const reference = fc
    .tuple(
      fc.option(fc.constantFrom('localhost:5000', 'r.example')),
      part,
      fc.option(fc.stringMatching(/^\w[\w.-]{0,8}$/)),
    )
    .map(([host, name, tag]) => `${host ? `${host}/` : ''}${name}${tag ? `:${tag}` : ''}`)
    .filter((text) => imageProblem(text) === null);
  const sha = fc.stringMatching(/^[0-9a-f]{64}$/).map((hex) => `sha256:${hex}`);
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(reference, sha)), async (entries) => {
      const pins = new Map(entries);
      const parsed = await parse(printLock(pins));
      expect(parsed.diagnostics).toEqual([]);
      expect(new Map(parsed.pins)).toEqual(pins);
      expect(printLock(parsed.pins ?? new Map())).toBe(printLock(pins));
    }),
  );
});

test('any text is a lock file or has a problem, never neither', async () => {
  const near = fc
    .tuple(fc.nat(good.length), fc.nat(12), fc.string({ maxLength: 4 }))
    .map(([at, length, other]) => good.slice(0, at) + other + good.slice(at + length));
  await fc.assert(
    fc.asyncProperty(fc.oneof(near, fc.string()), async (text) => {
      const { pins, diagnostics } = await parse(text);
      expect(pins === null).toBe(diagnostics.length > 0);
    }),
  );
});

describe('other layouts are read as well', () => {
  test.each([
    ['CRLF', good.replaceAll('\n', '\r\n')],
    ['a byte order mark', `\uFEFF${good}`],
    ['one line', JSON.stringify(JSON.parse(good))],
    ['other order', `{"images": {"node:24": "${digest}", "debian": "${digest}"}, "version": 1}`],
  ])('%s', async (_name, text) => {
    expect(await look(text)).toEqual(expect.arrayContaining(['debian', 'node:24']));
  });
});

test.each([
  ['empty', '', ['1:1 the lock file is empty']],
  ['white space', ' \n', ['1:1 the lock file is empty']],
  ['cut', good.slice(0, 30), ['3:13 the lock file is no JSON: Unexpected end of JSON input']],
  [
    'a comma too few',
    good.replace(',\n    "node', '\n    "node'),
    [expect.stringMatching(/^5:5 .* no JSON/)],
  ],
  ['a comma too many', good.replace('\n  }', ',\n  }'), [expect.stringMatching(/^6:3 .* no JSON/)]],
  ['YAML', 'version: 1\nimages: {}\n', [expect.stringMatching(/^1:1 .* no JSON/)]],
  ['a list', '[]', ['1:1 expected an object with `version` and `images`']],
  ['null', 'null', ['1:1 expected an object with `version` and `images`']],
  [
    'a merge conflict',
    good.replace('    "node', '<<<<<<< HEAD\n    "node'),
    ['5:1 a merge has left its conflict here'],
  ],
  ['no version', '{"images": {}}', ['1:1 `version` is missing']],
  ['a wrong version', good.replace('1,', '"1",'), ['2:14 `version` is 1']],
  [
    'a newer version',
    good.replace('1,', '2,').replace('images', 'locks'),
    ['2:14 [unsupported-version] version 2 of the lock file is not known, only 1'],
  ],
  ['no images', '{"version": 1}', ['1:1 `images` is missing']],
  [
    'images as a list',
    '{"version": 1, "images": []}',
    ['1:26 `images` is an object: references and their digests'],
  ],
  [
    'an unknown key',
    good.replace('"version"', '"extra": 0,\n  "version"'),
    ["2:3 there is no key 'extra' in a lock file"],
  ],
  ['a key twice', good.replace('"debian"', '"node:24"'), ["5:5 'node:24' is here twice"]],
  ['no reference', good.replace('debian', 'De bian'), ["4:5 the image 'De bian' holds white space"]],
  ['a digest too short', good.replace('aaa', ''), [expect.stringMatching(/^4:15 a digest is/)]],
  ['a digest in capitals', good.replace('aaa', 'AAA'), [expect.stringMatching(/^4:15 a digest is/)]],
  ['another kind of digest', good.replace('sha256', 'sha512'), [expect.stringMatching(/^4:15 a digest is/)]],
  ['no digest', good.replace(`"${digest}"`, 'null'), [expect.stringMatching(/^4:15 a digest is/)]],
])('%s', async (_name, text, problems) => {
  expect(await look(text)).toEqual(problems);
});
