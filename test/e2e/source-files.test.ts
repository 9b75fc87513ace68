// The user's files: edited while the run is under way, and with names that only bytes can tell.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Project } from '../rig/project.ts';

test.concurrent('a file that changes during the run ends the job that would see it', async () => {
  using project = new Project({
    'lockstep.yml': `
version: 1
defaults: { image: "busybox:latest" }
jobs:
  first: { inputs: [none], steps: [{ name: wait, run: "echo up; sleep 1000", timeout: 3s, allow-failure: true }] }
  second: { needs: [first], steps: [cat file] }
`,
    file: 'before\n',
  });
  const run = project.start(['run']);
  await run.printed(/\| up$/m);
  project.write({ file: 'after!\n' });
  const end = await run.end;
  expect(end.code, end.output).toBe(3);
  expect(end.output).toMatch(/file changed while the run was under way/);
  expect(project.lastRun().result.jobs.second).toMatchObject({ status: 'failure', reason: 'environment' });
});

test.concurrent('names in any bytes travel in and out', async () => {
  const names = [
    'new\nline',
    `'single' "double" $(x) \`y\``,
    '-rf',
    '--',
    ' space ',
    'tab\t',
    'ü 漢字 🙂',
    'back\\slash',
    '*',
    '\x1b[31m',
    '#',
    'a:b',
  ]
    .map((name) => Buffer.from(name))
    .concat(Buffer.from([0x6c, 0xe4, 0xff, 0xfe]), Buffer.from([0xc3, 0x28]));
  using project = new Project({
    'lockstep.yml': `
version: 1
defaults: { image: "busybox:latest" }
jobs:
  a:
    steps: [ 'mkdir out && cp -R odd/. out/ && ls odd | wc -l' ]
    artifacts: { names: out }
  b:
    needs: [a]
    steps: [ 'diff -r odd out && mkdir again && cp -R out/. again/' ]
    artifacts: { names: again }
`,
  });
  const folder = join(project.path, 'odd');
  mkdirSync(folder);
  for (const name of names) writeFileSync(Buffer.concat([Buffer.from(`${folder}/`), name]), name);
  project.commit();
  const end = await project.run('run');
  expect(end.code, end.output).toBe(0);
  const { folder: run, result } = project.lastRun();
  for (const [job, at] of [
    ['a', 'out'],
    ['b', 'again'],
  ] as const) {
    const out = join(project.path, run, 'artifacts', job, 'names', at);
    const found = readdirSync(out, { encoding: 'buffer' });
    const sorted = (list: Buffer[]) => list.map((name) => name.toString('hex')).sort();
    expect(sorted(found)).toEqual(sorted(names));
    for (const name of found) {
      expect(readFileSync(Buffer.concat([Buffer.from(`${out}/`), name])).equals(name)).toBe(true);
    }
  }
  expect(result.status).toBe('success');
  expect(execFileSync('git', ['status', '--porcelain'], { cwd: project.path, encoding: 'utf8' })).toBe('');
});

test('100,000 files go through a run, and are known the next time', async () => {
  using project = new Project({
    'lockstep.yml': `
version: 1
defaults: { image: "busybox:latest" }
jobs:
  a: { inputs: [many], steps: ['find many -type f | wc -l', 'cat many/99/999'] }
`,
  });
  for (let folder = 0; folder < 100; folder++) {
    mkdirSync(join(project.path, 'many', String(folder)), { recursive: true });
    for (let file = 0; file < 1000; file++)
      writeFileSync(join(project.path, 'many', String(folder), String(file)), `${folder} ${file}\n`);
  }
  project.commit();
  const first = await project.run('run');
  expect(first.code, first.output).toBe(0);
  expect(first.output).toContain('\n100000\n');
  const { digest } = project.lastRun().times;
  const again = await project.run('run');
  expect(again.output).toContain('reused all 2 steps');
  expect(project.lastRun().times.digest).toBe(digest);
  project.write({ 'many/99/999': 'edited\n' });
  const edited = await project.run('run');
  expect(edited.output).toContain('\nedited\n');
  expect(project.lastRun().times.digest).not.toBe(digest);
});
