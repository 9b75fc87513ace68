// A component and the inputs of an include → the configuration that GitLab makes of it.
import { parse, parseAllDocuments } from 'yaml';

type Inputs = Readonly<Record<string, unknown>>;

const block = /\$\[\[\s*inputs\.([\w-]+)\s*\]\]/g;

/** Of one version of GitLab or another: blocks are replaced in the text of the file, or in each value of what was parsed. */
export function interpolate(component: string, inputs: Inputs, how: 'text' | 'values'): unknown {
  const [header = '', body = ''] = component.split(/^---$/m);
  const { spec } = parse(header) as { spec: { inputs: Record<string, { default?: unknown }> } };
  const valueOf = (name: string): unknown => (name in inputs ? inputs[name] : spec.inputs[name]?.default);
  const asText = (_: string, name: string): string => {
    const value = valueOf(name);
    return typeof value === 'string' ? value : JSON.stringify(value);
  };
  if (how === 'text') return parse(body.replace(block, asText));
  const walk = (node: unknown): unknown => {
    if (typeof node === 'string') {
      const whole = new RegExp(`^${block.source}$`).exec(node)?.[1];
      return whole === undefined ? node.replace(block, asText) : valueOf(whole);
    }
    if (Array.isArray(node)) return node.map(walk);
    if (typeof node !== 'object' || node === null) return node;
    return Object.fromEntries(Object.entries(node).map(([key, value]) => [walk(key), walk(value)]));
  };
  return walk(parse(body));
}

/** Names of the inputs, with what the header says of each. */
export function inputsOf(component: string): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const [header] = parseAllDocuments(component);
  return (header?.toJS() as { spec: { inputs: Record<string, Record<string, unknown>> } }).spec.inputs;
}
