// Each field of a planned job, changed in turn: the key changes with those that decide what a job yields, and with no other.
import { describe, expect, it } from 'vitest';
import {
  artifactFields,
  cacheFields,
  endParts,
  jobFields,
  jobParts,
  keyOf,
  readyFields,
  resourceFields,
  serviceFields,
  skippedParts,
  stepFields,
  stepParts,
} from '../../../engine/key.ts';
import { resolveJob } from '../../../engine/resolve-job.ts';
import type { Plan, PlannedJob, PlannedService, PlannedStep } from '../../../src/model/plan.ts';
import type { TreeEntry } from '../../../src/model/tree.ts';
import { createEvaluator } from '../../../src/pipeline/evaluator.ts';
import { planOf } from '../../rig/in-process.ts';

const standing = { success: true, failure: false, cancelled: false };
const evaluator = createEvaluator();
const plan = planOf(`
version: 1
caches: { deps: { path: /deps, key: [a], save: always } }
jobs:
  j:
    description: text
    image: img
    env: { A: a }
    caches: [deps]
    user: app
    workdir: sub
    network: false
    resources: { cpus: 1, memory: 1g, shm: 64m, pids: 100 }
    services:
      db:
        image: dbimg
        env: { P: p }
        command: [serve]
        entrypoint: [run]
        ready: { tcp: 5, interval: 1s, timeout: 2s }
        resources: { cpus: 1, memory: 1g, shm: 64m, pids: 100 }
        user: db
    steps:
      - { id: first, run: echo one, env: { B: b }, workdir: w, user: u, services: false }
      - { id: second, run: echo two, if: 'success()' }
    finally: [{ id: last, run: echo end, env: { C: c } }]
    outputs: { o: '\${{ steps.first.outputs.x }}' }
    artifacts: { art: { paths: [dist/**], exclude: [x], when: always, expire: 1d, empty: ok } }
    reports: { junit: r.xml }
`);

const planned = plan.jobs[0] ?? never();

function never(): never {
  throw new Error('it is there');
}

const file = (path: string, more: Partial<TreeEntry & { type: 'file' }> = {}): TreeEntry => ({
  ...{ type: 'file', path, executable: false, digest: 'sha256:1', size: 1, ...more },
});

interface Facts {
  readonly job?: PlannedJob;
  readonly plan?: Plan;
  readonly files?: readonly (readonly TreeEntry[])[];
  readonly present?: ReadonlySet<string>;
  readonly images?: { job: string; services: Record<string, string> };
  readonly outputs?: Readonly<Record<string, string>>;
}

/** The key of the whole job, by the way of its steps. */
function key(facts: Facts = {}): string {
  const { job = planned, plan: of = plan, files = [[file('a')], [file('b')], []] } = facts;
  const { images = { job: 'sha256:i', services: { db: 'sha256:d' } }, outputs = { x: '1' } } = facts;
  const resolved = resolveJob(of, { id: 'j', job, matrix: {} }, {}, standing, evaluator);
  if (!resolved.ok) throw new Error(resolved.failure.message);
  const secrets = { declared: of.secrets, present: facts.present ?? new Set() };
  const place = { job, secrets, resolved: resolved.value, evaluator };
  let before = keyOf(jobParts(job, of.platform, resolved.value.services, images, secrets));
  const steps: Record<string, { outputs: Record<string, string>; outcome: string; 'exit-code': number }> = {};
  const scope = () => ({ contexts: { ...resolved.value.contexts, steps }, standing });
  for (const [index, step] of job.steps.entries()) {
    const held = step.condition === null ? null : evaluator.condition(step.condition, scope());
    const parts =
      held === null || (held.ok && held.value)
        ? stepParts(before, step, scope(), { ...place, files: files[index] ?? [] })
        : skippedParts(before, files[index] ?? []);
    if (parts === null) throw new Error('no parts');
    before = keyOf(parts);
    steps[step.id ?? index] = { outputs: { ...outputs }, outcome: 'success', 'exit-code': 0 };
  }
  const end = endParts(before, scope(), { ...place, files: files.slice(job.steps.length) });
  if (end === null) throw new Error('no parts');
  return keyOf(end);
}

const whole = key();

/** Another value of the same kind. */
function other(value: unknown): unknown {
  if (typeof value === 'string') return `${value}2`;
  if (typeof value === 'number') return value + 1;
  if (typeof value === 'boolean') return !value;
  if (value === null) return 'new';
  if (Array.isArray(value)) return [...(value as unknown[]), 'more'];
  return { ...(value as object), more: 'more' };
}

const changed: Partial<Record<string, unknown>> = {
  allowFailure: true,
  condition: { expression: 'true', callsStatus: false },
  matrix: { instances: [{ a: 1 }] },
  needs: [{ job: 'x', artifacts: [] }],
  maxParallel: 3,
  retry: { max: 3, on: [], delayMs: 1, backoff: 1 },
  ready: { check: { tcp: 6 }, intervalMs: 1, timeoutMs: 1 },
  check: { run: 'x' },
  inputs: ['x'],
  timeout: '1s',
  command: ['other'],
  entrypoint: null,
  when: 'failure',
  empty: 'error',
  cpus: 2,
};
const changeOf = (field: string, value: unknown): unknown => changed[field] ?? other(value);

const change = <T extends object>(of: T, field: string): T => ({
  ...of,
  [field]: changeOf(field, (of as Record<string, unknown>)[field]),
});

describe('the key of a job', () => {
  const [step] = planned.steps;
  const service = planned.services.db;
  const artifact = planned.artifacts.art;
  const [cache] = planned.caches;
  const [last] = planned.finally;
  if (!step || !service || !artifact || !cache || !last || !service.ready) throw new Error('all are there');
  const withService = (db: PlannedService): PlannedJob => ({ ...planned, services: { db } });
  const withStep = (first: PlannedStep): PlannedJob => ({
    ...planned,
    steps: [first, ...planned.steps.slice(1)],
  });

  const lists: Record<string, [Readonly<Record<string, string>>, (field: string) => PlannedJob]> = {
    job: [
      jobFields,
      (field) => {
        switch (field) {
          case 'steps':
            return { ...planned, steps: [...planned.steps, { ...step, id: 'third' }] };
          case 'finally':
            return { ...planned, finally: [] };
          case 'services':
            return { ...planned, services: {} };
          case 'artifacts':
            return { ...planned, artifacts: {} };
          case 'reports':
            return { ...planned, reports: { ...planned.reports, lcov: ['x'] } };
          case 'outputs':
            return { ...planned, outputs: { o: 'other' } };
          case 'resources':
            return { ...planned, resources: {} };
          case 'caches':
            return { ...planned, caches: [] };
          case 'env':
            return { ...planned, env: { A: 'changed' } };
          default:
            return change(planned, field);
        }
      },
    ],
    step: [
      stepFields,
      (field) => {
        // Seen by their values: an `if` that does not hold, another value of the same name.
        if (field === 'condition')
          return withStep({ ...step, condition: { expression: 'false', callsStatus: false } });
        // The first one's is read by an output.
        if (field === 'id')
          return { ...planned, steps: [step, ...planned.steps.slice(1).map((one) => change(one, field))] };
        if (field === 'env') return withStep({ ...step, env: { B: 'changed' } });
        return withStep(change(step, field));
      },
    ],
    finally: [
      stepFields,
      (field) => {
        if (field === 'condition')
          return {
            ...planned,
            finally: [{ ...last, condition: { expression: 'true', callsStatus: false } }],
          };
        if (field === 'env') return { ...planned, finally: [{ ...last, env: { C: 'changed' } }] };
        return { ...planned, finally: [change(last, field)] };
      },
    ],
    service: [
      serviceFields,
      (field) =>
        field === 'env'
          ? withService({ ...service, env: { P: 'changed' } })
          : field === 'resources'
            ? withService({ ...service, resources: {} })
            : withService(change(service, field)),
    ],
    ready: [
      readyFields,
      (field) => withService({ ...service, ready: change(service.ready ?? never(), field) }),
    ],
    resource: [resourceFields, (field) => ({ ...planned, resources: change(planned.resources, field) })],
    'resource of a service': [
      resourceFields,
      (field) => withService({ ...service, resources: change(service.resources, field) }),
    ],
    cache: [cacheFields, (field) => ({ ...planned, caches: [change(cache, field)] })],
    artifact: [artifactFields, (field) => ({ ...planned, artifacts: { art: change(artifact, field) } })],
  };

  for (const [name, [fields, changedJob]] of Object.entries(lists)) {
    // In the key by the digests that it comes to.
    const byDigest = new Set(['image']);
    // A step after the others starts no services.
    const ofFinally = name === 'finally' ? new Set(['services']) : new Set<string>();
    for (const [field, place] of Object.entries(fields)) {
      if (byDigest.has(field) || ofFinally.has(field)) continue;
      it(`${place === 'in' ? 'changes' : 'stays'} with ${field} of the ${name}`, () => {
        const job = changedJob(field);
        expect(job).not.toEqual(planned);
        if (place === 'in') expect(key({ job })).not.toBe(whole);
        else expect(key({ job })).toBe(whole);
      });
    }
  }

  const facts: Record<string, Facts> = {
    'the image': { images: { job: 'sha256:j', services: { db: 'sha256:d' } } },
    "a service's image": { images: { job: 'sha256:i', services: { db: 'sha256:e' } } },
    'the platform': { plan: { ...plan, platform: 'linux/arm64' } },
    'env of all jobs': { plan: { ...plan, env: { G: 'g' } } },
    "a file's content": { files: [[file('a', { digest: 'sha256:2' })], [file('b')], []] },
    "a file's executable bit": { files: [[file('a', { executable: true })], [file('b')], []] },
    "a file's name": { files: [[file('c')], [file('b')], []] },
    'a file that is a link now': {
      files: [[{ type: 'link', path: 'a', target: 'b' }], [file('b')], []],
    },
    'the step that sees a file first': { files: [[file('a'), file('b')], [], []] },
    'a file of a finally step': { files: [[file('a')], [file('b')], [file('c')]] },
    "a step's output that an output reads": { outputs: { x: '2' } },
  };
  it.each(Object.keys(facts))('changes with %s', (name) => {
    expect(key(facts[name])).not.toBe(whole);
  });

  it('is the same for the same job, whatever came before', () => {
    expect(key()).toBe(whole);
  });

  it('is on purpose what it is: a change makes every record of every user a miss', () => {
    expect(whole).toBe('sha256:cd7ff7f7485b2a6b974e0f9e1abd5a288fab54306c24ddb058e2e96fe0a00c4c');
  });

  describe('with secrets', () => {
    const declare = (file: boolean): Plan => ({
      ...plan,
      secrets: { S: { required: false, file, guard: true } },
    });
    const grants: Record<string, PlannedJob> = {
      job: { ...planned, secrets: ['S'] },
      step: withStep({ ...step, secrets: ['S'] }),
      finally: { ...planned, finally: [{ ...last, secrets: ['S'] }] },
      service: withService({ ...service, secrets: ['S'] }),
    };
    it.each(Object.keys(grants))('tells what a %s can: absent, as env, as a file', (name) => {
      const job = grants[name] ?? never();
      const there = new Set(['S']);
      const keys = [
        key({ job, plan: declare(false) }),
        key({ job, plan: declare(false), present: there }),
        key({ job, plan: declare(true), present: there }),
        whole,
      ];
      expect(new Set(keys).size).toBe(keys.length);
      expect(key({ job, plan: declare(true) })).toBe(keys[0]);
    });

    it('leaves out guard, description and secrets that are not granted', () => {
      const job = { ...planned, secrets: ['S'] };
      const other = {
        S: { required: true, file: false, guard: false, description: 'd' },
        T: { required: true, file: true, guard: true },
      };
      const present = new Set(['S', 'T']);
      expect(key({ job, plan: { ...plan, secrets: other }, present })).toBe(
        key({ job, plan: declare(false), present }),
      );
    });
  });
});
