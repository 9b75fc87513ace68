// Folds → lines with a title: Jenkins folds stages alone, and those are the library's.
import type { LogStyle } from '../../src/contract/log-style.ts';

const escape = '\x1b';
/**
 * Jenkins obeys notes, which begin with concealed text, and hides what is in those that it did not make itself
 * (https://github.com/jenkinsci/jenkins/blob/master/core/src/main/java/hudson/console/ConsoleNote.java); colours are the
 * AnsiColor plugin's.
 */
const obeyed = new RegExp(`\\r|${escape}(?!\\[[\\d;:]*m)|${escape}(?=\\[8m)`, 'g');

/** `color`: whether the plugin is there. What steps write has no notes when it comes here (`src/report/log-lines.ts`). */
export const jenkinsLogs = (color: boolean): LogStyle => ({
  color,
  nests: false,
  say: withoutNotes,
  open: (title) => {
    const line = withoutNotes(title.replaceAll('\n', ' '));
    return color ? `${escape}[1m${line}${escape}[0m\n` : `${line}\n`;
  },
  close: () => '',
  fence: () => ({ before: '', after: '' }),
  // Jenkins shows problems by a report, and masks what it gave.
  annotate: () => '',
  mask: () => '',
});

const withoutNotes = (text: string): string =>
  text.replaceAll('\r\n', '\n').replace(obeyed, (mark) => (mark === '\r' ? '\u240d' : '\u241b'));
