// How a CI platform's log view is spoken to: folds, places of failures, what it must mask. This comment and those below are the
// specification. One for each process: it counts what it gave. All texts it returns are whole lines that end with a newline, or ''.

export interface LogStyle {
  /** Lines of our own, which have names and messages of others in them: the same, with nothing that the platform obeys. */
  say(lines: string): string;
  /** Whether the log shows colours; where it does not, nobody writes any. */
  readonly color: boolean;
  /** Whether a fold may lie in another one. */
  readonly nests: boolean;
  /**
   * What begins a fold. `title`: one line, any text. `at`: milliseconds since the epoch. `closed`: all is well in there, so people
   * see the title alone until they ask for more, where the platform can do that.
   */
  open(title: string, at: number, closed?: boolean): string;
  /** Of the fold that was opened last and is not closed yet. */
  close(at: number): string;
  /**
   * Around bytes that steps wrote, so that the platform takes nothing in them for a command. Another one each time, that the
   * bytes cannot guess.
   */
  fence(): { readonly before: string; readonly after: string };
  /** What shows a problem at its place and its message in the log; '' when the platform shows no more of them: it is said then. */
  annotate(annotation: Annotation): string;
  /** Makes the platform's own masker know a value, all of its lines. */
  mask(value: string): string;
}

export interface Annotation {
  readonly level: 'error' | 'warning' | 'notice';
  readonly title: string;
  /** Any text, of any length; it says what the title does, which a log may not show. */
  readonly message: string;
  /** Relative to the repository. */
  readonly file?: string;
  /** From 1. */
  readonly line?: number;
  readonly column?: number;
}
