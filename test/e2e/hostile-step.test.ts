// Steps that attack the run: it ends with a clear failure or unharmed, and nothing outside the container is touched.
import { describe, expect, test } from 'vitest';
import { allGone } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';

interface Attack {
  readonly run: string;
  readonly job?: string;
  /** What the run says; the exit code is 1 with it. Without: the run succeeds. */
  readonly fails?: RegExp;
  /** What comes after in the same job. */
  readonly then?: string;
}

const attacks: Record<string, Attack> = {
  'kill all as root': { run: 'kill -9 -1; sleep 1000', fails: /the step ended the container of a/ },
  'kill all as nobody': {
    run: 'kill -9 -1; sleep 1000',
    job: 'user: nobody',
    fails: /attack: failure \(exit 137\)/,
  },
  'kill all others as root': {
    run: 'for p in /proc/[0-9]*; do [ ${p#/proc/} = $$ ] || kill -9 ${p#/proc/}; done; sleep 1000',
    fails: /the step ended the container of a/,
  },
  'close all descriptors': { run: 'exec 0<&- 1>&- 2>&- 3>&-; true', then: 'echo alive' },
  'fork bomb under a pids limit': {
    run: 'b() { b | b & }; b; sleep 2; exit 3',
    job: 'resources: {pids: 60}',
    fails: /attack: failure/,
  },
  'fill our folder': { run: 'head -c 200000000 /dev/zero >/run/lockstep/full || true', then: 'echo alive' },
  'remove the workspace': { run: 'cd /; rm -rf /work', fails: /no folder \/work/, then: 'echo never' },
  'replace the workspace by a link': { run: 'cd /; rm -rf /work; ln -s /etc /work', then: 'pwd -P' },
  'an endless summary': {
    run: 'head -c 5000000 /dev/zero >"$LOCKSTEP_SUMMARY"',
    fails: /more than 1 MiB to \$LOCKSTEP_SUMMARY/,
  },
  'a summary that is a device': { run: 'ln -sf /dev/zero "$LOCKSTEP_SUMMARY"', then: 'echo alive' },
  'a pipe as an artifact': {
    run: 'mkfifo x',
    job: 'artifacts: {x: x}',
    fails: /neither a file nor a folder nor a link/,
  },
  'a device as an artifact': {
    run: 'mknod x c 1 5',
    job: 'artifacts: {x: x}',
    fails: /neither a file nor a folder nor a link/,
  },
  'a link out as an artifact': {
    run: 'ln -s ../../etc/passwd x',
    job: 'artifacts: {x: x}',
    fails: /leads out of the workspace/,
  },
  'a link that an entry would be written through': {
    run: 'mkdir d; ln -s /etc d/x; ln -s d/x y',
    job: 'artifacts: {x: [d, y]}',
    fails: /leads out of the workspace/,
  },
};

describe('a hostile step', () => {
  test.concurrent.each(Object.entries(attacks))('%s', async (_, { run, job = '', fails, then }) => {
    const steps = [{ name: 'attack', run }, ...(then === undefined ? [] : [{ name: 'after', run: then }])];
    using project = new Project({
      'lockstep.yml': `{version: 1, jobs: {a: {image: "busybox:latest", timeout: 40s, steps: ${JSON.stringify(steps)}, ${job}}}}`,
      file: 'x\n',
    });
    const end = await project.run('run');
    expect(end.code, end.output).toBe(fails === undefined ? 0 : 1);
    expect(end.output).toMatch(fails ?? /success/);
    expect(end.output).not.toMatch(/bug|^ +at /m);
    expect(project.read('file')).toBe('x\n');
    await allGone(project.lastRun().times.id);
  });

  test.concurrent('escape sequences reach the log file, not the terminal', async () => {
    const attack = String.raw`printf '\033]0;title\007\033[2J\033[1;1H\033[31mred\033[0m plain\r\n'`;
    using project = new Project({
      'lockstep.yml': `{version: 1, jobs: {a: {image: "busybox:latest", steps: [{name: attack, run: ${JSON.stringify(attack)}}]}}}`,
    });
    const end = await project.run('run');
    expect(end.code, end.output).toBe(0);
    expect(end.output).toMatch(/^red plain$/m);
    expect(end.output).not.toContain('\x1b');
    expect(project.read(`${project.lastRun().folder}/logs/a.log`)).toBe(
      '\x1b]0;title\x07\x1b[2J\x1b[1;1H\x1b[31mred\x1b[0m plain\r\n',
    );
  });
});
