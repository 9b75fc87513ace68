// Folds → the sections of GitLab's log.
// https://docs.gitlab.com/ci/jobs/job_logs/#custom-collapsible-sections
import type { LogStyle } from '../../src/contract/log-style.ts';

const escape = '\x1b';
const restart = `\r${escape}[0K`;
/** GitLab obeys colours and its own marks; it hides all other escapes, and a carriage return wipes the line before it. */
const obeyed = new RegExp(`\\r|${escape}(?!\\[[\\d;:]*m)`, 'g');

/** What steps write has neither of these but for colours when it comes here (`src/report/log-lines.ts`), so no fence is needed. */
export function gitlabLogs(): LogStyle {
  const open: string[] = [];
  let opened = 0;
  return {
    color: true,
    nests: true,
    say: withoutMarks,
    open: (title, at, closed = false) => {
      opened += 1;
      // With the time, as a job may run Lockstep more than once.
      const name = `lockstep_${at}_${opened}`;
      open.push(name);
      const mark = `section_start:${seconds(at)}:${name}${closed ? '[collapsed=true]' : ''}`;
      return `${escape}[0K${mark}${restart}${withoutMarks(title.replaceAll('\n', ' '))}\n`;
    },
    close: (at) => {
      const name = open.pop();
      return name === undefined ? '' : `${escape}[0Ksection_end:${seconds(at)}:${name}${restart}\n`;
    },
    fence: () => ({ before: '', after: '' }),
    // GitLab shows problems at their places by a report, and masks by what its server knows.
    annotate: () => '',
    mask: () => '',
  };
}

const seconds = (at: number): string => String(Math.floor(at / 1000));

const withoutMarks = (text: string): string =>
  text.replaceAll('\r\n', '\n').replace(obeyed, (mark) => (mark === '\r' ? '\u240d' : '\u241b'));
