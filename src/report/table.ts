// Rows of cells → lines with aligned columns.
import { pad, textWidth } from './width.ts';

export interface Column {
  readonly title: string;
  readonly align?: 'left' | 'right';
}

/** The titles and the rows, columns two spaces apart, nothing at a line's end. Cells may be coloured. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const lines = [columns.map(({ title }) => title), ...rows];
  const widths = columns.map((_, index) => Math.max(...lines.map((line) => textWidth(line[index] ?? ''))));
  return lines.map((line) =>
    columns
      .map(({ align }, index) => pad(line[index] ?? '', widths[index] ?? 0, align))
      .join('  ')
      .trimEnd(),
  );
}
