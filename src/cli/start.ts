// The parts of the program in `dist` → the program running. What bin/lockstep runs; scripts/build.ts makes the parts.
//
// Each part lies beside what V8 made of it when it was built. Node's own compile cache has nothing of a function that is
// first called after its module was loaded, and Node takes half a millisecond for each module: a quarter of the time of
// a run that reuses everything.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Script } from 'node:vm';

interface Part {
  exports: object;
}
type Run = (part: Part, exports: object, require: (name: string) => object) => void;

const parts = new Map<string, Part>();

function load(name: string): object {
  const known = parts.get(name);
  if (known) return known.exports;
  const filename = join(__dirname, name);
  const source = readFileSync(filename, 'utf8');
  // Another V8 than the one that built it does not take it, and compiles by itself, as where it was not passed on.
  const code = `${filename}.code`;
  const script = new Script(source, {
    filename,
    ...(existsSync(code) && { cachedData: readFileSync(code) }),
  });
  const part: Part = { exports: {} };
  parts.set(name, part);
  const run = script.runInThisContext() as Run;
  run(part, part.exports, load);
  return part.exports;
}

load('./cli.js');
