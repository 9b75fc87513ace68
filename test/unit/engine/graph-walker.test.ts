// A graph is walked in the order of its needs, each node once and as early as they allow.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { walkGraph, type GraphNode } from '../../../engine/graph-walker.ts';

/** Needs point backwards, which any graph without cycles can be numbered for; `order`: which open node ends next. */
const graphs = fc
  .integer({ min: 0, max: 30 })
  .chain((size) =>
    fc.tuple(
      fc.tuple(
        ...Array.from({ length: size }, (_, index) =>
          fc.array(fc.nat(Math.max(0, index - 1)), { maxLength: index === 0 ? 0 : 4 }),
        ),
      ),
      fc.infiniteStream(fc.nat()),
    ),
  )
  .map(([needs, order]) => {
    const nodes: GraphNode[] = needs.map((list, index) => ({
      name: `n${index}`,
      needs: list.map((need) => `n${need}`),
    }));
    return { nodes, order };
  });

test('visits every node once, each only after all its needs', async () => {
  await fc.assert(
    fc.asyncProperty(graphs, async ({ nodes, order }) => {
      const started: string[] = [];
      const ended = new Set<string>();
      const open: (() => void)[] = [];
      const walk = walkGraph(nodes, async (name) => {
        started.push(name);
        for (const need of nodes.find((node) => node.name === name)?.needs ?? [])
          expect(ended).toContain(need);
        await new Promise<void>((resolve) => open.push(resolve));
        ended.add(name);
      });
      while (ended.size < nodes.length) {
        const [next] = open.splice((order.next().value ?? 0) % open.length, 1);
        next?.();
        await new Promise(setImmediate);
      }
      await walk;
      expect([...started].sort()).toEqual(nodes.map((node) => node.name).sort());
    }),
    { numRuns: 60 },
  );
});

test('a node starts as soon as its own needs are done, whatever its peers do', async () => {
  const started: string[] = [];
  let release: () => void = () => undefined;
  const slow = new Promise<void>((resolve) => (release = resolve));
  const walk = walkGraph(
    [
      { name: 'slow', needs: [] },
      { name: 'fast', needs: [] },
      { name: 'after-fast', needs: ['fast'] },
    ],
    async (name) => {
      started.push(name);
      if (name === 'slow') await slow;
      if (name === 'after-fast') release();
    },
  );
  await walk;
  expect(started).toEqual(['slow', 'fast', 'after-fast']);
});

test('needs outside the graph count as visited; a need named twice counts once', async () => {
  const visited: string[] = [];
  await walkGraph(
    [
      { name: 'a', needs: ['elsewhere'] },
      { name: 'b', needs: ['a', 'a'] },
    ],
    async (name) => {
      visited.push(name);
      await Promise.resolve();
    },
  );
  expect(visited).toEqual(['a', 'b']);
});

test('a long chain does not overflow', async () => {
  const nodes = Array.from({ length: 2000 }, (_, index) => ({
    name: `n${index}`,
    needs: index === 0 ? [] : [`n${index - 1}`],
  }));
  let visits = 0;
  await walkGraph(nodes, async () => {
    visits += 1;
    await Promise.resolve();
  });
  expect(visits).toBe(2000);
});
