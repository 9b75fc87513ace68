// What is wrong → stderr, or the log of a platform that runs this program as a part of it.
import { tellInStyle, textOf, type LogStyle, type Told } from '../report/told.ts';
import { visibleLines } from '../report/visible.ts';

/** In a platform's log there is but one stream: what goes to stderr may come anywhere in it. */
export function complain(told: readonly Told[], style?: LogStyle): void {
  if (style === undefined) process.stderr.write(textOf(told));
  else process.stdout.write(tellInStyle(told, style));
}

/** Of lines that say themselves what they are, and may repeat words of the command line. */
export function complainInWords(text: string, style?: LogStyle): void {
  const message = visibleLines(text).join('\n');
  complain([{ text: `${message}\n`, problem: { level: 'error', title: 'lockstep', message } }], style);
}
