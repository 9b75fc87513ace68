// Folds, annotations and masks → GitHub's workflow commands.
// https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands
import { randomBytes } from 'node:crypto';
import { posix } from 'node:path';
import type { Annotation, LogStyle } from '../../src/contract/log-style.ts';

/** GitHub shows no more of one level for one step of a workflow. */
const mostAnnotations = 10;
/** Characters of an annotation's message; GitHub cuts it a little later, without a word. */
const longestMessage = 4000;

/** `folder`: where files of annotations lie in the repository; '' at its top. */
export function githubLogs(folder = ''): LogStyle {
  const given: Record<Annotation['level'], number> = { error: 0, warning: 0, notice: 0 };
  return {
    color: true,
    nests: false,
    say: (lines) => lines.replace(/^([^\S\n]*):(?=:)/gm, '$1:\u200b').replaceAll('##[', '##\u200b['),
    open: (title) => `::group::${escapeData(title)}\n`,
    close: () => '::endgroup::\n',
    fence: () => {
      const token = randomBytes(16).toString('hex');
      return { before: `::stop-commands::${token}\n`, after: `::${token}::\n` };
    },
    annotate: (annotation) => {
      if (given[annotation.level] === mostAnnotations) return '';
      given[annotation.level] += 1;
      const { file } = annotation;
      return annotationLine({ ...annotation, ...(file !== undefined && { file: posix.join(folder, file) }) });
    },
    // Each line by itself: that is how the runner masks.
    mask: (value) =>
      value
        .split(/[\r\n]+/)
        .filter((line) => line.trim() !== '')
        .map((line) => `::add-mask::${escapeData(line)}\n`)
        .join(''),
  };
}

function annotationLine({ level, title, message, file, line, column }: Annotation): string {
  const properties = Object.entries({ file, line, col: column, title }).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [`${name}=${escapeProperty(String(value))}`],
  );
  const text = message.length > longestMessage ? `${message.slice(0, longestMessage)}…` : message;
  return `::${level} ${properties.join(',')}::${escapeData(text)}\n`;
}

const escapeData = (text: string): string =>
  text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');

const escapeProperty = (text: string): string =>
  escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
