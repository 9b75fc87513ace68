// What a job becomes in a plan: short forms are written out, and what it does not say is filled in.
import { describe, expect, it } from 'vitest';
import { context, only, plan, withJobs } from './sample.ts';

it('fills in every default', () => {
  expect(plan(withJobs('a: { steps: [npm ci] }'))).toEqual({
    pipeline: null,
    file: 'lockstep.yml',
    platform: 'linux/amd64',
    params: {},
    secrets: {},
    env: {},
    context,
    factsRead: [],
    graph: { a: [] },
    instances: { a: ['a'] },
    jobs: [
      {
        name: 'a',
        needs: [],
        takesFrom: [],
        condition: null,
        matrix: { instances: [{}] },
        only: {},
        failFast: false,
        maxParallel: null,
        image: 'busybox',
        inputs: ['**'],
        git: false,
        env: {},
        secrets: [],
        caches: [],
        services: {},
        steps: [
          {
            name: 'npm ci',
            id: null,
            run: 'npm ci',
            shell: ['sh', '-e'],
            inputs: null,
            env: {},
            secrets: [],
            workdir: null,
            user: null,
            services: true,
            condition: null,
            timeout: null,
            retry: { max: 0, on: ['failure', 'timeout', 'environment'], delayMs: 1000, backoff: 2 },
            allowFailure: false,
            reuse: true,
          },
        ],
        finally: [],
        outputs: {},
        artifacts: {},
        reports: { junit: [], cobertura: [], lcov: [], sarif: [] },
        reuse: true,
        timeout: '60m',
        retry: { max: 0, on: ['failure', 'timeout', 'environment'], delayMs: 1000, backoff: 2 },
        allowFailure: false,
        resources: {},
        user: null,
        workdir: '/work',
        network: true,
        privileged: false,
      },
    ],
  });
});

describe('short forms', () => {
  it.each<[string, object]>([
    ['env: { A: 1, B: true, C: 1.5, D: x }', { env: { A: '1', B: 'true', C: '1.5', D: 'x' } }],
    ['user: 1000', { user: '1000' }],
    ['image: { ref: node }', { image: 'node' }],
    ['inputs: src/**', { inputs: ['src/**'] }],
    ['retry: 2', { retry: { max: 2, on: ['failure', 'timeout', 'environment'], delayMs: 1000, backoff: 2 } }],
    [
      'retry: { max: 1, on: [timeout], delay: 5s, backoff: 1 }',
      { retry: { max: 1, on: ['timeout'], delayMs: 5000, backoff: 1 } },
    ],
    ['allow-failure: { exit-codes: [3, 4] }', { allowFailure: { exitCodes: [3, 4] } }],
    ['allow-failure: true', { allowFailure: true }],
    [
      'resources: { cpus: 1.5, memory: 2g, shm: 64MiB, pids: 9 }',
      { resources: { cpus: 1.5, memoryBytes: 2 ** 31, shmBytes: 2 ** 26, pids: 9 } },
    ],
    [
      'reports: { junit: r/*.xml, coverage: { lcov: [l] }, sarif: [s] }',
      { reports: { junit: ['r/*.xml'], cobertura: [], lcov: ['l'], sarif: ['s'] } },
    ],
    [
      'artifacts: { d: dist/** }',
      {
        artifacts: {
          d: { paths: ['dist/**'], exclude: [], when: 'success', expireMs: 2_592_000_000, empty: 'error' },
        },
      },
    ],
    [
      'artifacts: { d: { paths: [a, b], exclude: c, when: always, expire: 1d, empty: ok } }',
      {
        artifacts: {
          d: { paths: ['a', 'b'], exclude: ['c'], when: 'always', expireMs: 86_400_000, empty: 'ok' },
        },
      },
    ],
    ['workdir: sub/dir', { workdir: '/work/sub/dir' }],
    ['workdir: /srv', { workdir: '/srv' }],
    ['if: true', { condition: { expression: 'true', callsStatus: false } }],
    [
      'if: "${{ always() && git.sha }}"',
      { condition: { expression: 'always() && git.sha', callsStatus: true } },
    ],
    [
      "if: git.tag == 'success()'",
      { condition: { expression: "git.tag == 'success()'", callsStatus: false } },
    ],
    ['fail-fast: true\n  max-parallel: 2', { failFast: true, maxParallel: 2 }],
    [
      'services: { db: { image: pg, ready: { tcp: 5432 }, command: [a], user: 5 } }',
      {
        services: {
          db: {
            image: 'pg',
            env: {},
            command: ['a'],
            entrypoint: null,
            secrets: [],
            ready: { check: { tcp: 5432 }, intervalMs: 500, timeoutMs: 60_000 },
            resources: {},
            user: '5',
            privileged: false,
          },
        },
      },
    ],
  ])('%s', (keys, expected) => {
    expect(only(keys)).toMatchObject(expected);
  });

  it.each([
    ['sh', ['sh', '-e']],
    ['bash', ['bash', '-eo', 'pipefail']],
    ['python', ['python3']],
    ['node', ['node']],
    ['[ruby, -w]', ['ruby', '-w']],
  ])('shell %s', (shell, words) => {
    expect(only(`shell: ${shell}`).steps[0]?.shell).toEqual(words);
    expect(only('', `x-a: ${shell}\n`).steps[0]?.shell).toEqual(['sh', '-e']);
  });
});

it('lets steps have what the job has, unless they say otherwise', () => {
  const steps =
    '[x, { run: "\\n  first line \\n y", shell: node, workdir: sub, user: me }, { run: z, name: n }]';
  const [job] = plan(withJobs(`a: { shell: bash, workdir: w, user: u, steps: ${steps} }`)).jobs;
  expect(job?.steps).toMatchObject([
    { name: 'x', shell: ['bash', '-eo', 'pipefail'], workdir: null, user: null },
    { name: 'first line', shell: ['node'], workdir: '/work/sub', user: 'me' },
    { name: 'n' },
  ]);
});

it('takes defaults where a job says nothing', () => {
  const top =
    'defaults: { image: base, shell: bash, timeout: 5m, user: u, retry: 1, resources: { cpus: 1 } }\n';
  const text = `version: 1\n${top}jobs:\n  a: { steps: [x] }\n  b: { image: own, timeout: 6m, shell: sh, user: root, retry: 0, resources: { pids: 2 }, steps: [x] }`;
  expect(plan(text).jobs).toMatchObject([
    {
      image: 'base',
      timeout: '5m',
      user: 'u',
      retry: { max: 1 },
      resources: { cpus: 1 },
      steps: [{ shell: ['bash', '-eo', 'pipefail'] }],
    },
    {
      image: 'own',
      timeout: '6m',
      user: 'root',
      retry: { max: 0 },
      resources: { pids: 2 },
      steps: [{ shell: ['sh', '-e'] }],
    },
  ]);
});

describe('a step without a name', () => {
  it.each([
    ['npm ci', 'npm ci'],
    ['#!/bin/sh\n# installs\n\nset -eu\n  npm ci\nnpm test', 'npm ci'],
    ['{\n  echo a\n} > b', 'echo a'],
    ['// node\nlet a = 1', 'let a = 1'],
    ['set -euo pipefail\nset -x && make', 'set -x && make'],
    ['set -x', 'set -x'],
    ['# nothing\n{', '# nothing'],
    [`echo ${'x'.repeat(300)}`, `echo ${'x'.repeat(300)}`],
  ])('%j is called by the first line that says something', (run, name) => {
    const text = withJobs(`a: { steps: [{ run: ${JSON.stringify(run)} }] }`);
    expect(plan(text).jobs[0]?.steps[0]).toMatchObject({ run, name });
  });
});

it('fills in what a secret leaves out', () => {
  const secrets = (text: string) => plan(withJobs('a: { secrets: [A], steps: [x] }', text)).secrets;
  expect(secrets('secrets: [A]\n')).toEqual({ A: { required: true, file: false, guard: true } });
  expect(secrets('secrets: { A: { description: d, required: false, file: true, guard: false } }\n')).toEqual({
    A: { description: 'd', required: false, file: true, guard: false },
  });
});
