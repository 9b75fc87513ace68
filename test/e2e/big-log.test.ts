// A gigabyte of log, one endless line, binary: every byte is in the log file and the process stays small.
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { createReadStream, openSync, closeSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { launcher } from '../rig/cli.ts';
import { until } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';

const job = (run: string): string =>
  `{version: 1, jobs: {a: {image: "busybox:latest", steps: [${JSON.stringify(run)}]}}}`;

const logOf = (project: Project): string => join(project.path, project.lastRun().folder, 'logs/a.log');

async function digestOf(bytes: AsyncIterable<Uint8Array>): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of bytes) hash.update(chunk);
  return hash.digest('hex');
}

/** Runs with stdout going nowhere; the most memory it ever held, in MiB. */
async function peakMemory(project: Project): Promise<number> {
  const nowhere = openSync('/dev/null', 'w');
  const child = spawn(launcher, ['run'], {
    cwd: project.path,
    env: project.environment,
    stdio: ['ignore', nowhere, 'inherit'],
  });
  closeSync(nowhere);
  let peak = 0;
  const look = (): void => {
    try {
      const status = readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8');
      peak = Math.max(peak, Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? 0) / 1024);
    } catch {
      // It has ended.
    }
  };
  const timer = setInterval(look, 50);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  clearInterval(timer);
  expect(code).toBe(0);
  return peak;
}

test('1 GiB of log', async () => {
  const size = 1024 ** 3;
  using project = new Project({ 'lockstep.yml': job(`yes | head -c ${size}`) });
  const peak = await peakMemory(project);
  console.log(`1 GiB of log: peak ${peak.toFixed(0)} MiB`);
  expect(peak).toBeGreaterThan(0);
  expect(peak).toBeLessThan(200);
  expect(statSync(logOf(project)).size).toBe(size);
  const line = Buffer.from('y\n'.repeat(1 << 19));
  const same = (function* () {
    for (let left = size; left > 0; left -= line.length) yield line;
  })();
  const expected = createHash('sha256');
  for (const chunk of same) expected.update(chunk);
  expect(await digestOf(createReadStream(logOf(project)))).toBe(expected.digest('hex'));
});

test('a line of 100 MiB without an end', async () => {
  const size = 100 * 1024 ** 2;
  using project = new Project({ 'lockstep.yml': job(`yes x | tr -d '\\n' | head -c ${size}`) });
  const peak = await peakMemory(project);
  console.log(`100 MiB line: peak ${peak.toFixed(0)} MiB`);
  expect(peak).toBeLessThan(200);
  expect(statSync(logOf(project)).size).toBe(size);
});

test('bytes of any kind', async () => {
  using project = new Project({ all: '' });
  const bytes = Buffer.from(Array.from({ length: 64 * 256 }, (_, index) => (index * 7) & 255));
  project.write({ 'lockstep.yml': job('cat all') });
  const { writeFileSync } = await import('node:fs');
  writeFileSync(join(project.path, 'all'), bytes);
  const end = await project.run('run');
  expect(end.code, end.output).toBe(0);
  expect(readFileSync(logOf(project)).equals(bytes)).toBe(true);
});

test('a reader that pauses: the process stays small, then everything arrives', async () => {
  const size = 150 * 1024 ** 2;
  using project = new Project({ 'lockstep.yml': job(`yes | head -c ${size}`) });
  const child = spawn(launcher, ['run'], {
    cwd: project.path,
    env: project.environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const status = (name: string): number =>
    Number(
      new RegExp(`^${name}:\\s*(\\d+)`, 'm').exec(
        readFileSync(`/proc/${child.pid ?? 0}/status`, 'utf8'),
      )?.[1],
    );
  await until('the log has begun', () => {
    try {
      return statSync(logOfRunning(project)).size > 0;
    } catch {
      return false;
    }
  });
  // Nobody reads: the log file stops growing once all buffers on the way are full.
  let last = -1;
  let still = 0;
  await until('the step is made to wait', () => {
    const { size: now } = statSync(logOfRunning(project));
    still = now === last ? still + 1 : 0;
    last = now;
    return still > 20;
  });
  expect(last).toBeLessThan(size / 2);
  expect(status('VmRSS') / 1024).toBeLessThan(200);
  let read = 0;
  child.stdout.on('data', (chunk: Buffer) => (read += chunk.length));
  const code = await new Promise((resolve) => child.once('close', resolve));
  expect(code).toBe(0);
  expect(read).toBeGreaterThan(size);
  expect(statSync(logOf(project)).size).toBe(size);
});

const logOfRunning = (project: Project): string =>
  join(project.path, '.lockstep/runs', project.read('.lockstep/last').trim(), 'logs/a.log');
