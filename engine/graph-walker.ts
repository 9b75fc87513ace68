// A graph of jobs → one visit of each, as soon as all it needs have been visited.

export interface GraphNode {
  readonly name: string;
  /** Names of other nodes; names that are not in the graph count as visited. */
  readonly needs: readonly string[];
}

/** Visits every node once, each only after its needs; nodes that wait for nothing are visited side by side. */
export async function walkGraph(
  nodes: readonly GraphNode[],
  visit: (name: string) => Promise<void>,
): Promise<void> {
  const names = new Set(nodes.map((node) => node.name));
  const dependants = new Map<string, string[]>();
  const missing = new Map<string, number>();
  for (const node of nodes) {
    const needs = new Set(node.needs.filter((need) => names.has(need)));
    missing.set(node.name, needs.size);
    for (const need of needs) dependants.set(need, [...(dependants.get(need) ?? []), node.name]);
  }
  const visitFrom = async (name: string): Promise<void> => {
    await visit(name);
    await Promise.all((dependants.get(name) ?? []).filter((dependant) => isFreed(dependant)).map(visitFrom));
  };
  const isFreed = (name: string): boolean => {
    const left = (missing.get(name) ?? 0) - 1;
    missing.set(name, left);
    return left === 0;
  };
  await Promise.all(nodes.filter((node) => missing.get(node.name) === 0).map((node) => visitFrom(node.name)));
}
