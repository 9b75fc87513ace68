// What a command loads before it knows that it needs it: each of these packages costs 5 to 20 ms of every start.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

/** `import` and `export … from` that are there at run time; what `import()` loads is loaded when it is wanted. */
const statement = /^(?:import|export)\s(?!type\b)(?:[^;'"]*?\sfrom\s)?['"]([^'"]+)['"]/gm;

function packagesOf(entry: string): ReadonlySet<string> {
  const packages = new Set<string>();
  const seen = new Set<string>();
  const visit = (path: string): void => {
    if (seen.has(path)) return;
    seen.add(path);
    for (const [, name = ''] of readFileSync(path, 'utf8').matchAll(statement)) {
      if (name.startsWith('.')) visit(join(path, '..', name));
      else if (!name.startsWith('node:'))
        packages.add(
          name
            .split('/')
            .slice(0, name.startsWith('@') ? 2 : 1)
            .join('/'),
        );
    }
  };
  visit(entry);
  return packages;
}

const heavy = ['zod', 'yaml', '@actions/expressions', 'dockerode', 'fast-xml-parser'];

it('commander is all that every command loads', () => {
  expect([...packagesOf('src/cli/cli.ts')]).toEqual(['commander']);
});

it.each([
  ['check', heavy],
  ['plan', heavy],
  ['run', heavy],
])('%s loads none of %j', (command, names) => {
  const packages = packagesOf(`src/cli/${command}.ts`);
  expect(names.filter((name) => packages.has(name))).toEqual([]);
});

it('sees what a file that parses loads', () => {
  expect([...packagesOf('src/pipeline/parse.ts')].sort()).toEqual(['@actions/expressions', 'yaml', 'zod']);
});
