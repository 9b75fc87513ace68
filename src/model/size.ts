// `512MiB`, `2g` → bytes, and back to text for people.

const units = ['', 'k', 'm', 'g', 't'];

/**
 * A number with `b`, `k`, `m`, `g`, `t` or `KiB`, `MiB`, `GiB`, `TiB`, all powers of 1024 and in either case; null for
 * anything else: `MB` means two things and a number without a unit none.
 */
export function parseSize(text: string): number | null {
  const match = /^(\d+(?:\.\d+)?)(?:b|([kmgt])(?:ib)?)$/i.exec(text);
  if (!match) return null;
  const bytes = Math.round(Number(match[1]) * 1024 ** units.indexOf((match[2] ?? '').toLowerCase()));
  return Number.isSafeInteger(bytes) ? bytes : null;
}

/** In the largest unit that gives a number of 1 or more, with at most one decimal: `512MiB`, `1.5GiB`, `100B`. */
export function formatBytes(bytes: number): string {
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  const rounded = Math.round((bytes / 1024 ** power) * 10) / 10;
  return `${rounded}${power === 0 ? '' : (units[power]?.toUpperCase() ?? '')}${power === 0 ? 'B' : 'iB'}`;
}
