// Secrets and caches: names that are granted but not declared, and those that are declared but never granted.
import type { Diagnostic } from '../../model/diagnostic.ts';
import { suggestion } from '../nearest-name.ts';
import { problem } from '../problem.ts';
import type { SourceNode, Span } from '../source.ts';
import { keySpan, namesAt, nodeAt, type Path } from '../tree.ts';
import { jobNames, spanAt, type View } from '../view.ts';

interface Grant {
  readonly name: string;
  readonly span: Span;
}

export function* checkSecrets(view: View): Iterable<Diagnostic> {
  yield* compare(view, 'secrets', secretGrants(view));
  yield* clashingSecrets(view);
  for (const { name, span } of servicePaths(view).flatMap((path) => grantsAt(view, [...path, 'secrets']))) {
    if (!isFileSecret(view, name)) continue;
    const message = `a service gets its secrets as variables, and '${name}' is a file`;
    yield problem(view, span, 'secret-file-for-service', message, 'declare another secret, without `file`');
  }
}

/** Variables that a step gets besides would be lost. */
function* clashingSecrets(view: View): Iterable<Diagnostic> {
  const declared = namesAt(view.root, ['secrets']);
  for (const name of declared) {
    const file = name.replace(/_FILE$/, '');
    const isFile = file !== name && declared.includes(file) && isFileSecret(view, file);
    if (!isFile && !name.startsWith('LOCKSTEP_')) continue;
    const why = isFile ? `the path of the secret '${file}'` : 'what Lockstep tells a step';
    yield problem(
      view,
      keySpan(view.root, ['secrets', name]),
      'secret-name',
      `'${name}' is the variable of ${why}`,
      'give the secret another name',
    );
  }
}

function isFileSecret(view: View, name: string): boolean {
  const node = nodeAt(view.root, ['secrets', name, 'file']);
  return node?.kind === 'scalar' && node.value === true;
}

const servicePaths = (view: View): readonly Path[] =>
  jobNames(view.root).flatMap((job) =>
    namesAt(view.root, ['jobs', job, 'services']).map((service) => ['jobs', job, 'services', service]),
  );

export function* checkCaches(view: View): Iterable<Diagnostic> {
  const paths: Path[] = [
    ['defaults', 'caches'],
    ...jobNames(view.root).map((job) => ['jobs', job, 'caches']),
  ];
  yield* compare(
    view,
    'caches',
    paths.flatMap((path) => grantsAt(view, path)),
  );
}

function* compare(view: View, key: 'secrets' | 'caches', grants: readonly Grant[]): Iterable<Diagnostic> {
  const what = key === 'secrets' ? 'secret' : 'cache';
  const declared = namesAt(view.root, [key]);
  for (const { name, span } of grants) {
    if (declared.includes(name)) continue;
    const hint = suggestion(name, declared) ?? `declare it under \`${key}\` at the top`;
    yield problem(view, span, `unknown-${what}`, `there is no ${what} '${name}'`, hint);
  }
  const granted = new Set(grants.map(({ name }) => name));
  for (const [index, name] of declared.entries()) {
    if (granted.has(name)) continue;
    const node = nodeAt(view.root, [key]);
    const span = node?.kind === 'list' ? spanAt(view, [key, index]) : keySpan(view.root, [key, name]);
    yield {
      ...problem(view, span, `unused-${what}`, `the ${what} '${name}' is never used`),
      severity: 'warning',
    };
  }
}

function secretGrants(view: View): readonly Grant[] {
  const services = servicePaths(view);
  const images: Path[] = [['defaults', 'image'], ...services.map((path) => [...path, 'image'])];
  const lists: Path[] = services.map((path) => [...path, 'secrets']);
  for (const job of jobNames(view.root)) {
    const path = ['jobs', job];
    lists.push([...path, 'secrets']);
    images.push([...path, 'image']);
    for (const key of ['steps', 'finally']) {
      itemsAt(view, [...path, key]).forEach((_, index) => lists.push([...path, key, index, 'secrets']));
    }
  }
  const passwords = images.flatMap((path) => textAt(view, [...path, 'auth', 'password-secret']));
  return [...lists.flatMap((path) => grantsAt(view, path)), ...passwords];
}

const grantsAt = (view: View, path: Path): readonly Grant[] =>
  itemsAt(view, path).flatMap((_, index) => textAt(view, [...path, index]));

function itemsAt(view: View, path: Path): readonly SourceNode[] {
  const node = nodeAt(view.root, path);
  return node?.kind === 'list' ? node.items : [];
}

function textAt(view: View, path: Path): readonly Grant[] {
  const node = nodeAt(view.root, path);
  return node?.kind === 'scalar' && typeof node.value === 'string'
    ? [{ name: node.value, span: node.span }]
    : [];
}
