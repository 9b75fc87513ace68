// Rows → the table on the terminal.
import { judge, type Row, type Unit } from './row.ts';

const heads = ['what', 'ours', 'baseline', '', 'ratio', 'reach', 'met'];

export function table(rows: readonly Row[]): string {
  const lines = [heads, ...rows.map(cells)];
  const widths = heads.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

function cells(row: Row): string[] {
  const reach = row.reach === null ? '–' : `≤ ${row.reach.toFixed(2)}`;
  if ('missing' in row) return [row.what, '–', '–', row.against, '–', reach, `not here: ${row.missing}`];
  const { ours, baseline, ratio, met } = judge(row);
  const said = met === null ? '–' : met ? 'yes' : 'NO';
  return [
    row.what,
    figure(ours, row.unit),
    figure(baseline, row.unit),
    row.against,
    ratio.toFixed(2),
    reach,
    said,
  ];
}

const figure = (value: number, unit: Unit): string =>
  unit === 'ms' && value >= 10_000
    ? `${(value / 1000).toFixed(1)} s`
    : `${value.toFixed(value < 100 ? 1 : 0)} ${unit}`;
