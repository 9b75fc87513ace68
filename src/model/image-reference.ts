// What an image reference says, by the grammar that registries share: what is wrong with it, which digest it pins.

const host = String.raw`(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?|\[[0-9a-fA-F:]+\])(?::\d+)?`;
const part = String.raw`[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*`;
const reference = new RegExp(
  String.raw`^(?:${host}/)?${part}(?:/${part})*(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@[a-z0-9]+:[a-fA-F0-9]{32,})?$`,
);

/** Null when the reference is well formed, e.g. `node:24-slim`, `ghcr.io/org/app@sha256:…`. */
export function imageProblem(text: string): string | null {
  if (text.length <= 512 && reference.test(text)) return null;
  if (text === '') return 'the image is empty';
  if (/\s/.test(text)) return `the image '${text}' holds white space`;
  if (/[A-Z]/.test(text) && reference.test(text.toLowerCase()))
    return `the image '${text}' must be in lower case`;
  return `'${text}' is no image reference`;
}

/** The `sha256:…` at the end of `name:tag@sha256:…`; null where the reference leaves the registry a choice. */
export const pinnedDigest = (reference: string): string | null =>
  /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1] ?? null;

/** `name@digest`: the tag, which may have moved on, does not matter then. */
export const withDigest = (reference: string, digest: string): string =>
  `${reference.replace(/@.*$/, '').replace(/:[^/:]*$/, '')}@${digest}`;
