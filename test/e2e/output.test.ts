// Readers that go away or never read, and a terminal: the run ends in good order.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { launcher } from '../rig/cli.ts';
import { allGone, until } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';

const talks = {
  'lockstep.yml':
    '{version: 1, jobs: {a: {image: "busybox:latest", steps: [{name: talk, run: "while :; do echo talk; done"}], finally: [touch /tmp/x]}}}',
};

test.concurrent('`lockstep run | head -1` cancels the run', async () => {
  using project = new Project(talks);
  const seen = project.sh(`set +e; { '${launcher}' run 2>err; echo $? >code; } | head -1; cat err`);
  expect(seen).toMatch(/^.*1 job, on .*\n$/);
  // As if the terminal had been closed.
  expect(project.read('code')).toBe('129\n');
  expect(project.lastRun().result.status).toBe('cancelled');
  await allGone(project.lastRun().times.id);
});

test.concurrent('a command that is read in part says nothing of it', () => {
  using project = new Project(talks);
  const seen = project.sh(`set +e; { '${launcher}' schema 2>err; echo $? >code; } | true; cat err`);
  expect(seen).toBe('');
  expect(project.read('code')).toBe('0\n');
});

test.concurrent(
  'words of the command line steer no terminal and no log, though an error repeats them',
  () => {
    using project = new Project(talks);
    const seen = project.sh(
      `printf 'x\\r\\033[0K' >odd; '${launcher}' run --param "$(cat odd)" 2>&1 || true`,
    );
    expect(seen).toMatch(/^error: .* argument 'x\\r\\x1b\[0K' is invalid/);
  },
);

test.concurrent('a large document reaches a slow reader whole', () => {
  using project = new Project(talks);
  const seen = project.sh(
    `'${launcher}' schema >whole; '${launcher}' schema | { sleep 0.5; cmp - whole; } && echo same`,
  );
  expect(seen).toBe('same\n');
});

test.concurrent('two signals end a run whose output nobody takes', async () => {
  using project = new Project(talks);
  const child = spawn(launcher, ['run'], {
    cwd: project.path,
    env: project.environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const log = () => join(project.path, '.lockstep/runs', project.read('.lockstep/last').trim(), 'logs/a.log');
  await until('it talks', () => existsSync(join(project.path, '.lockstep/last')) && existsSync(log()));
  child.kill('SIGINT');
  child.kill('SIGINT');
  // A signal that comes while another of its kind is pending is lost.
  await until('it has ended', () => {
    if (child.exitCode === null) child.kill('SIGINT');
    return child.exitCode !== null;
  });
  expect(await ended).toBe(130);
  await allGone(project.read('.lockstep/last').trim());
});

test.concurrent('Ctrl-C on a terminal', async () => {
  using project = new Project({
    'lockstep.yml':
      '{version: 1, jobs: {a: {image: "busybox:latest", steps: [{name: wait, run: "echo up; sleep 1000"}], finally: [{name: last, run: echo tidied}]}}}',
  });
  const terminal = spawn('script', ['-qefc', `'${launcher}' run`, '/dev/null'], {
    cwd: project.path,
    env: project.environment,
  });
  let seen = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => (seen += text));
  await until('the step runs', () => /^up\r$/m.test(seen));
  terminal.stdin.write('\x03');
  const code = await new Promise((resolve) => terminal.once('exit', resolve));
  expect(code, seen).toBe(130);
  expect(seen).toMatch(/^tidied\r$/m);
  await allGone(project.lastRun().times.id);
});
