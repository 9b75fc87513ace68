// Numbers → the short text people read: durations, sizes, counts, shares.

/** `0.4s`, `12.3s`, `3m 12s`, `1h 02m`. */
export function formatDuration(ms: number): string {
  const tenths = Math.max(0, Math.round(ms / 100));
  if (tenths < 600) return `${(tenths / 10).toFixed(1)}s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${twoDigits(seconds % 60)}s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)}h ${twoDigits(minutes % 60)}m`;
}

/** Of a time that is known to the hour: `<1h`, `5h`, `12d`. */
export function formatAge(ms: number): string {
  const hours = Math.floor(ms / 3600_000);
  if (hours < 1) return '<1h';
  return hours < 48 ? `${hours}h` : `${Math.floor(hours / 24)}d`;
}

/** `512 B`, `1.5 KiB`, `20.0 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  let size = bytes;
  // 1023.95 would be shown as 1024.0 of the smaller unit.
  for (; size >= 1023.95 && unit < units.length - 1; unit++) size /= 1024;
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit] ?? ''}`;
}

/** `1 job`, `2 jobs`, `10,000 jobs`. */
export const formatCount = (count: number, noun: string): string =>
  `${formatNumber(count)} ${noun}${count === 1 ? '' : 's'}`;

/** A whole number: `9,990`. */
export const formatNumber = (value: number): string => String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');

/** `81.2%`; rounded down, so that only all is 100. */
export const formatShare = (part: number, whole: number): string =>
  whole === 0 ? '-' : `${(Math.floor((part / whole) * 1000) / 10).toFixed(1)}%`;

const twoDigits = (value: number): string => String(value).padStart(2, '0');
