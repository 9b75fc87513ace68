// Markdown of others, as long as there is room for → Markdown that ends what it began, so that ours may follow it.

/** What lasts beyond an empty line: it begins a line, and is closed by a text of its own. */
const blocks =
  /^ {0,3}(?:(?<fence>`{3,100}(?=[^`]*$)|~{3,100}(?!~))|<(?<comment>!--)|<(?<raw>pre|script|style|textarea)\b)/i;
const listItem = /^(?:[-*+]|\d{1,9}[.)])(?:\s|$)/;

const mostDetails = 20;
/** Bytes that closing adds at most. */
export const closingBytes = 100 + mostDetails * 12;

/** With what closes a block that was left open. One within a list ends with the list, without a word. */
export function closeMarkdown(markdown: string): string {
  let end: { readonly text: string; readonly is: (line: string) => boolean } | null = null;
  let details = 0;
  let isList = false;
  for (const line of markdown.split(/\r\n|\n|\r/)) {
    if (end !== null) {
      if (end.is(line)) end = null;
      continue;
    }
    if (/^\S/.test(line)) isList = listItem.test(line);
    const found = isList && line.startsWith(' ') ? null : blocks.exec(line);
    const { fence, comment, raw } = found?.groups ?? {};
    if (fence !== undefined) end = fenceEnd(fence);
    else if (comment !== undefined) end = line.includes('-->') ? null : textEnd('-->');
    else if (raw !== undefined)
      end = line.toLowerCase().includes(`</${raw.toLowerCase()}>`) ? null : textEnd(`</${raw}>`);
    details += (line.match(/<details\b/gi)?.length ?? 0) - (line.match(/<\/details>/gi)?.length ?? 0);
  }
  const open = Math.min(mostDetails, Math.max(0, details));
  const closers = [...(end === null ? [] : [end.text]), ...Array<string>(open).fill('\n</details>')];
  return closers.length === 0 ? markdown : [markdown.replace(/\n+$/, ''), ...closers].join('\n');
}

const fenceEnd = (fence: string) => {
  const closing = new RegExp(`^ {0,3}${fence.charAt(0)}{${fence.length},}\\s*$`);
  return { text: fence, is: (line: string) => closing.test(line) };
};

const textEnd = (text: string) => ({
  text,
  is: (line: string) => line.toLowerCase().includes(text.toLowerCase()),
});

/** At most so many bytes of it, up to the end of a line where there is one, and never within a character. */
export function cutMarkdown(markdown: string, bytes: number): string {
  const all = Buffer.from(markdown);
  if (all.length <= bytes) return closeMarkdown(markdown);
  let end = Math.max(0, bytes);
  while (end > 0 && ((all[end] ?? 0) & 0xc0) === 0x80) end--;
  const lineEnd = all.lastIndexOf(10, end);
  const lines = all.toString('utf8', 0, lineEnd > 0 ? lineEnd : end).split('\n');
  // A table's titles are none without the line below them.
  if (lines.at(-1)?.trimStart().startsWith('|') && !lines.at(-2)?.trimStart().startsWith('|')) lines.pop();
  return closeMarkdown(lines.join('\n'));
}
