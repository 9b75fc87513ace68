// Text from users and tools → Markdown that shows it as it is, whatever it holds.
import { visible } from './visible.ts';

/** One line of plain text. Entities, since a backslash is no help in a table or against an autolink. */
export const escapeMarkdown = (text: string): string =>
  visible(text).replace(/[&<>|`*_~[\]()#!@\\$]/g, (mark) => `&#${mark.charCodeAt(0)};`);

/** A name or a command as code. */
export function codeSpan(text: string): string {
  const shown = visible(text);
  // A `|` ends a table's cell even within code, so such a name is told in another way.
  if (shown.includes('|')) return `<code>${escapeMarkdown(shown)}</code>`;
  let longest = 0;
  for (const [run] of shown.matchAll(/`+/g)) longest = Math.max(longest, run.length);
  const fence = '`'.repeat(longest + 1);
  const space = longest > 0 || shown.trim() === '' ? ' ' : '';
  return `${fence}${space}${shown}${space}${fence}`;
}
