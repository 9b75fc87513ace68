import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { orderJobs } from '../../../src/pipeline/job-order.ts';

const order = (graph: Record<string, string[]>) => orderJobs(Object.keys(graph), (job) => graph[job] ?? []);

it('leaves jobs that are in order as they are', () => {
  expect(order({ c: [], a: ['c'], b: [], d: ['a', 'b'] })).toEqual({
    order: ['c', 'a', 'b', 'd'],
    cycles: [],
  });
});

it('brings what is needed forward', () => {
  expect(order({ a: ['z'], b: [], z: [] }).order).toEqual(['z', 'a', 'b']);
});

it('names each cycle', () => {
  const { cycles } = order({ a: ['b'], b: ['c'], c: ['a'], d: ['a', 'e'], e: ['d'] });
  expect(cycles).toEqual([
    ['a', 'b', 'c'],
    ['d', 'e'],
  ]);
});

it('takes long chains', () => {
  const graph = Object.fromEntries(
    Array.from({ length: 20_000 }, (_, index) => [`j${index}`, index < 19_999 ? [`j${index + 1}`] : []]),
  );
  expect(order(graph).order[0]).toBe('j19999');
});

it('has every job once, after its needs, in any graph without a cycle', () => {
  const edges = fc.array(fc.tuple(fc.nat(12), fc.nat(12)), { maxLength: 40 });
  fc.assert(
    fc.property(edges, fc.shuffledSubarray([...Array(13).keys()], { minLength: 13 }), (pairs, shuffled) => {
      const graph = Object.fromEntries(shuffled.map((job) => [`j${job}`, [] as string[]]));
      for (const [from, to] of pairs) if (from > to) graph[`j${from}`]?.push(`j${to}`);
      const { order: jobs, cycles } = order(graph);
      expect(cycles).toEqual([]);
      expect(jobs.toSorted()).toEqual(Object.keys(graph).toSorted());
      for (const [index, job] of jobs.entries()) {
        for (const need of graph[job] ?? []) expect(jobs.indexOf(need)).toBeLessThan(index);
      }
    }),
  );
});

it('finds a cycle exactly where there is one', () => {
  const edges = fc.array(fc.tuple(fc.nat(5), fc.nat(5)), { maxLength: 10 });
  fc.assert(
    fc.property(edges, (pairs) => {
      const graph = Object.fromEntries([...Array(6).keys()].map((job) => [`j${job}`, [] as string[]]));
      for (const [from, to] of pairs) if (from !== to) graph[`j${from}`]?.push(`j${to}`);
      const { cycles } = order(graph);
      const reaches = (from: string, to: string, seen: string[] = []): boolean =>
        (graph[from] ?? []).some(
          (next) => next === to || (!seen.includes(next) && reaches(next, to, [...seen, next])),
        );
      expect(cycles.length > 0).toBe(Object.keys(graph).some((job) => reaches(job, job)));
      for (const cycle of cycles) {
        cycle.forEach((job, index) => expect(graph[job]).toContain(cycle[(index + 1) % cycle.length]));
      }
    }),
  );
});
