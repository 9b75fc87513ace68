// Sixteen runs at once in one folder, where many have been before.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Project } from '../rig/project.ts';

test('sixteen at once; the newest twenty are kept', async () => {
  using project = new Project({
    'lockstep.yml':
      '{version: 1, jobs: {a: {image: "busybox:latest", steps: [cat file], artifacts: {f: file}}}}',
    file: 'the file\n',
  });
  const old = Array.from({ length: 30 }, (_, index) => `20200101-0000${index + 10}-aaaaaa`);
  for (const id of old)
    project.write({ [`.lockstep/runs/${id}/result.json`]: '{}', [`.lockstep/runs/${id}/logs/a.log`]: 'x' });
  const ends = await Promise.all(Array.from({ length: 16 }, () => project.run('run')));
  for (const end of ends) expect(end.code, end.output).toBe(0);
  const digests = new Set(ends.map(({ output }) => /result (sha256:\w+)/.exec(output)?.[1]));
  expect([...digests]).toHaveLength(1);
  const runs = readdirSync(join(project.path, '.lockstep/runs')).sort();
  const fresh = runs.filter((id) => !old.includes(id));
  expect(fresh).toHaveLength(16);
  for (const id of fresh)
    expect(existsSync(join(project.path, '.lockstep/runs', id, 'result.json'))).toBe(true);
  expect(runs.filter((id) => old.includes(id))).toEqual(old.slice(-4));
  expect(fresh).toContain(project.read('.lockstep/last').trim());
  expect(project.lastRun().result.status).toBe('success');
});
