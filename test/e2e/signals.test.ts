// Ctrl-C and SIGTERM, once and twice, at every stage of a run: an end in good order, the right exit code, nothing left.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { allGone, containersOf, until } from '../rig/engine.ts';
import { Project } from '../rig/project.ts';
import { startSilentRegistry } from '../rig/silent-registry.ts';

const runId = (project: Project): string => project.read('.lockstep/last').trim();

const politeJob = `
version: 1
jobs:
  polite:
    image: busybox:latest
    artifacts: { made: { paths: [made], when: always } }
    reports: { junit: report.xml }
    steps:
      - name: long
        run: |
          echo '<testsuite name="s"><testcase name="t"/></testsuite>' >report.xml
          echo part >made
          trap 'echo caught TERM; exit 7' TERM
          echo now waiting
          while :; do sleep 0.1; done
      - echo never
      - { run: echo always ran, if: always() }
    finally: [echo finally ran]
  later:
    image: busybox:latest
    needs: [polite]
    steps: [echo never]
`;

describe('the first signal', () => {
  test.concurrent.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('%s: TERM to the step, finally, artifacts, reports, exit %i', async (signal, code) => {
    using project = new Project({ 'lockstep.yml': politeJob });
    const run = project.start(['run']);
    await run.printed(/\| now waiting$/m);
    run.child.kill(signal);
    const end = await run.end;
    expect(end.code, end.output).toBe(code);
    expect(end.output).toMatch(/caught TERM[^]*always ran[^]*finally ran/);
    const { result, folder } = project.lastRun();
    expect(result.status).toBe('cancelled');
    expect(result.jobs.polite).toMatchObject({
      status: 'cancelled',
      reason: 'cancelled',
      steps: [
        { name: 'long', status: 'cancelled' },
        { name: 'echo never', status: 'skipped' },
        { name: 'echo always ran', status: 'success', 'exit-code': 0 },
        { name: 'echo finally ran', status: 'success', 'exit-code': 0 },
      ],
    });
    expect(result.jobs.polite?.steps[0]).not.toHaveProperty('exit-code');
    expect(result.jobs.later).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
    expect(project.read(join(folder, 'artifacts/polite/made/made'))).toBe('part\n');
    expect(existsSync(join(project.path, folder, 'reports/polite/junit/report.xml'))).toBe(true);
    await allGone(runId(project));
  });

  test.concurrent('a step that ignores TERM is killed after the grace', async () => {
    using project = new Project({
      'lockstep.yml': `
version: 1
jobs:
  deaf:
    image: busybox:latest
    steps: [{ name: deaf, run: "trap '' TERM; echo now deaf; sleep 1000" }]
    finally: [echo finally ran]
`,
    });
    const run = project.start(['run']);
    await run.printed(/^now deaf$/m);
    run.child.kill('SIGINT');
    const end = await run.end;
    expect(end.code, end.output).toBe(130);
    expect(end.output).toMatch(/finally ran/);
    expect(project.lastRun().result.jobs.deaf?.status).toBe('cancelled');
    await allGone(runId(project));
  });

  test.concurrent('while an image is pulled from a registry that does not answer', async () => {
    await using registry = await startSilentRegistry();
    using project = new Project({
      'lockstep.yml': `{version: 1, jobs: {a: {image: "${registry.address}/some/image:1", steps: [echo never]}}}`,
    });
    const run = project.start(['run']);
    await registry.asked;
    run.child.kill('SIGINT');
    const end = await run.end;
    expect(end.code, end.output).toBe(130);
    expect(project.lastRun().result.jobs.a).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
  });

  test.concurrent('while a service is not ready, after a first step', async () => {
    using project = new Project({
      'lockstep.yml': `
version: 1
jobs:
  a:
    image: busybox:latest
    services:
      never: { image: "busybox:latest", command: [sleep, "1000"], ready: { run: "false", timeout: 10m } }
    steps:
      - { run: echo first step, services: false }
      - echo never
    finally: [echo finally ran]
`,
    });
    const run = project.start(['run']);
    await run.printed(/^first step$/m);
    await until('the service runs', () => containersOf(runId(project)).length === 2);
    run.child.kill('SIGINT');
    const end = await run.end;
    expect(end.code, end.output).toBe(130);
    expect(end.output).toMatch(/finally ran/);
    expect(project.lastRun().result.jobs.a).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
    await allGone(runId(project));
  });

  test.concurrent('while the delay before a retry passes, and while others wait for their turn', async () => {
    using project = new Project({
      'lockstep.yml': `
version: 1
defaults: { image: "busybox:latest" }
jobs:
  again: { retry: { max: 1, delay: 10m }, steps: [exit 1] }
  step: { steps: [{ run: exit 1, retry: { max: 1, delay: 10m } }] }
  waits: { steps: [echo never] }
`,
    });
    const run = project.start(['run', '--parallel', '1']);
    await run.printed(/again *> .*trying again[^]*step *> .*trying again/);
    run.child.kill('SIGINT');
    const end = await run.end;
    expect(end.code, end.output).toBe(130);
    const { jobs } = project.lastRun().result;
    expect(jobs.waits).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
    // The last attempt's word: it failed, and no other one began.
    expect(jobs.again).toMatchObject({ status: 'failure', reason: 'step-failed' });
    await allGone(runId(project));
  });

  test.concurrent('while the workspace is packed', async () => {
    using project = new Project({
      'lockstep.yml': '{version: 1, jobs: {a: {image: "busybox:latest", steps: [echo never]}}}',
    });
    project.sh('truncate -s 1G big');
    const run = project.start(['run']);
    // The container is there, its step is not: what lies between is the packing.
    await run.printed(/image busybox/);
    run.child.kill('SIGINT');
    const end = await run.end;
    expect(end.code, end.output).toBe(130);
    expect(end.output).not.toMatch(/^never/m);
    expect(project.lastRun().result.jobs.a).toMatchObject({ status: 'cancelled', reason: 'cancelled' });
    await allGone(runId(project));
  });

  test.concurrent('while the source is read, before there is a run', async () => {
    using project = new Project({
      'lockstep.yml': '{version: 1, jobs: {a: {image: "busybox:latest", steps: [echo never]}}}',
    });
    project.sh('truncate -s 30G big');
    const run = project.start(['run']);
    const open = () => project.sh(`ls -l /proc/${run.child.pid ?? 0}/fd 2>/dev/null || true`);
    await until('the file is read', () => open().includes('/big'));
    run.child.kill('SIGINT');
    const end = await run.end;
    expect(end.code, end.output).toBe(130);
    expect(existsSync(join(project.path, '.lockstep'))).toBe(false);
  });
});

describe('the second signal stops at once', () => {
  const ends = async (project: Project, ready: RegExp, between = /cancel/i): Promise<void> => {
    const run = project.start(['run']);
    await run.printed(ready);
    run.child.kill('SIGINT');
    await run.printed(between);
    run.child.kill('SIGINT');
    const end = await run.end;
    expect(end.code, end.output).toBe(130);
    expect(end.output).not.toMatch(/never/);
    await allGone(runId(project));
  };

  test.concurrent('during a step that ignores TERM', async () => {
    using project = new Project({
      'lockstep.yml': `
version: 1
jobs:
  deaf:
    image: busybox:latest
    steps: [{ name: deaf, run: "trap 'echo heard TERM' TERM; echo now deaf; while :; do sleep 0.1 || true; done" }]
    finally: [{ name: last, run: echo never }]
`,
    });
    await ends(project, /^now deaf$/m, /^heard TERM$/m);
    expect(project.lastRun().result.status).toBe('cancelled');
  });

  test.concurrent('during finally', async () => {
    using project = new Project({
      'lockstep.yml': `
version: 1
jobs:
  slow:
    image: busybox:latest
    steps: [{ name: wait, run: "echo now waiting; sleep 1000" }]
    finally:
      - { name: last, run: "echo in finally; trap '' TERM; sleep 1000" }
      - { name: very last, run: echo never }
`,
    });
    await ends(project, /^now waiting$/m, /^in finally$/m);
  });

  test.concurrent('during the start of a service', async () => {
    using project = new Project({
      'lockstep.yml': `
version: 1
jobs:
  a:
    image: busybox:latest
    services:
      no: { image: "busybox:latest", command: [sleep, "1000"], ready: { run: "false", timeout: 10m } }
    steps: [{ name: step, run: echo never }]
`,
    });
    await ends(project, /image busybox/);
  });
});
