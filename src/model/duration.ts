// `20m`, `500ms`, `1h30m` → milliseconds.

const pattern = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/;
const unitMs = [86_400_000, 3_600_000, 60_000, 1000, 1];

/** Whole numbers with a unit, the larger unit first; null for anything else. */
export function parseDuration(text: string): number | null {
  const match = pattern.exec(text);
  if (!match || text === '') return null;
  const ms = unitMs.reduce((sum, unit, index) => sum + unit * Number(match[index + 1] ?? 0), 0);
  return Number.isSafeInteger(ms) ? ms : null;
}
