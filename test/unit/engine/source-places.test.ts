import { expect, test } from 'vitest';
import { placeInSource } from '../../../engine/source-places.ts';
import type { SourceTree } from '../../../engine/source-tree.ts';

const source: SourceTree = {
  root: '/x',
  entries: [
    'src/a.ts',
    'packages/web/src/a.ts',
    'packages/web/src/web.ts',
    'java/src/test/java/org/CartTest.java',
    'one/same_test.go',
    'two/same_test.go',
  ].map((path) => ({ path, type: 'file', executable: false, size: 1, digest: 'sha256:00' })),
  named: [],
  digest: 'sha256:00',
};

test.each([
  ['a file of the source', 'packages/web/r.xml', 'src/a.ts', 'src/a.ts'],
  ['beside the report', 'packages/web/r.xml', 'src/web.ts', 'packages/web/src/web.ts'],
  ['above the report', 'packages/web/reports/junit/r.xml', 'src/web.ts', 'packages/web/src/web.ts'],
  ['the only one that ends so', 'r.xml', 'org/CartTest.java', 'java/src/test/java/org/CartTest.java'],
  ['the only one of its name', 'r.xml', 'CartTest.java', 'java/src/test/java/org/CartTest.java'],
  ['one of two', 'r.xml', 'same_test.go', 'same_test.go'],
  ['one of two, beside the report', 'two/r.xml', 'same_test.go', 'two/same_test.go'],
  ['the end of another name', 'r.xml', 'Test.java', 'Test.java'],
  ['made by the job', 'r.xml', 'dist/a.ts', 'dist/a.ts'],
])('%s', (_what, report, file, expected) => {
  const counts = { tests: 1, failed: 1, skipped: 0, durationMs: 0 };
  const failures = [
    { name: 't', message: 'm', file, line: 3 },
    { name: 'u', message: 'm' },
  ];
  expect(placeInSource({ ...counts, failures }, report, source).failures).toEqual([
    { name: 't', message: 'm', file: expected, line: 3 },
    { name: 'u', message: 'm' },
  ]);
});
