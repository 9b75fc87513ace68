// Lines that we say, and the problems in them → a platform's log: a problem is shown once, at its place where that can be.
import type { Annotation, LogStyle } from '../contract/log-style.ts';

export type { LogStyle };

/** What is said together. */
export interface Told {
  /** Whole lines, each with its newline; they may be coloured. */
  readonly text: string;
  /** What the lines tell, for a platform that shows problems at their place. */
  readonly problem?: Annotation;
}

export const textOf = (told: readonly Told[]): string => told.map(({ text }) => text).join('');

export const tellInStyle = (told: readonly Told[], style: LogStyle): string =>
  told
    .map(({ text, problem }) => {
      const shown = problem === undefined ? '' : style.annotate(problem);
      return shown === '' ? style.say(text) : shown;
    })
    .join('');
