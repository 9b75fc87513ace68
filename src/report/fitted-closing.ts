// The last words of a run → as many of them as a log has room for: what failed first, then the table, and always the verdict.
import { costOf } from './log-room.ts';
import { formatNumber } from './quantity.ts';

/** `parts`: of whole lines, as `renderClosing` orders them. `note`: says how many parts there was no room for. */
export function fitClosing(parts: readonly string[], room: number, note: (count: number) => string): string {
  if (room === Infinity) return parts.join('');
  const [rows = '', verdict = ''] = parts.slice(-2);
  const table = fit(rows.split(/(?<=\n)/), room / 2, (left) => `and ${formatNumber(left)} more\n`);
  return fit(parts.slice(0, -2), room - cost(table + verdict), note) + table + verdict;
}

function fit(parts: readonly string[], room: number, note: (count: number) => string): string {
  let left = room - cost(note(parts.length));
  const cut = parts.findIndex((part) => (left -= cost(part)) < 0);
  return cut < 0 ? parts.join('') : parts.slice(0, cut).join('') + note(parts.length - cut);
}

const cost = (text: string): number => costOf(Buffer.from(text));
