// An environment and a stream → whether to colour, and how a stretch of text is coloured.
import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';

/** The text in that style, or as it is where colour is off. */
export type Paint = (style: Style, text: string) => string;

export const createPaint = (color: boolean): Paint =>
  color ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text;

/** `NO_COLOR` wins over `FORCE_COLOR`, which wins over what the stream is; an empty value counts as unset. */
export function wantsColor(from: {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly isTTY: boolean;
}): boolean {
  const { NO_COLOR: no, FORCE_COLOR: force, TERM: terminal } = from.environment;
  if (no) return false;
  if (force) return force !== '0' && force !== 'false';
  return from.isTTY && terminal !== 'dumb';
}
