// The log of a job → what GitLab makes of it, by its own rules (Gitlab::Ci::Ansi2json).

export interface GitlabLog {
  /** In the order they began. */
  readonly sections: readonly GitlabSection[];
  /** What people see, without colours. */
  readonly lines: readonly { readonly text: string; readonly within: readonly string[] }[];
  /** All else that is heeded: an end without a beginning, an escape that is hidden, a line that is wiped. */
  readonly oddities: readonly string[];
}

export interface GitlabSection {
  readonly name: string;
  readonly title: string;
  readonly options: string;
  /** Null: it never ended. */
  readonly seconds: number | null;
}

const ESC = '\x1b';
const options = String.raw`\[\w+=\w+(?:, ?\w+=\w+)*\]`;
const mark = new RegExp(
  String.raw`section_(start|end):(\d+):([A-Za-z0-9_.-]+)(${options})?` + `\r${ESC}\\[0K`,
  'y',
);
const sequence = new RegExp(`${ESC}([@-_])(.*?)([@-~])`, 'y');
const cutSequence = new RegExp(`${ESC}(?:[@-_].*?)?$`, 'y');

export function readGitlabLog(log: string): GitlabLog {
  const sections: { name: string; title: string; options: string; seconds: number | null }[] = [];
  const open = new Map<string, { at: number; section: (typeof sections)[number] }>();
  const lines: { text: string; within: string[] }[] = [];
  const oddities: string[] = [];
  let current = '';
  let header: (typeof sections)[number] | null = null;

  const flush = (): void => {
    if (current !== '') lines.push({ text: current, within: [...open.keys()] });
    if (header !== null) header.title = current;
    [current, header] = ['', null];
  };
  const begin = (name: string, at: number, given: string): void => {
    flush();
    header = { name, title: '', options: given, seconds: null };
    sections.push(header);
    open.set(name, { at, section: header });
  };
  const end = (name: string, at: number): void => {
    const begun = open.get(name);
    if (begun === undefined) return void oddities.push(`the end of ${name}`);
    flush();
    begun.section.seconds = at - begun.at;
    open.delete(name);
  };

  for (const line of log.split(/\r?\n/)) {
    for (let at = 0; at < line.length;) {
      const [whole, action, time = '', name = '', opts = ''] = matchAt(mark, line, at) ?? [''];
      const sanitized = name.toLowerCase().replace(/[^a-z0-9]/g, '-');
      const [escaped = '', kind = '', , last = ''] = whole === '' ? (matchAt(sequence, line, at) ?? []) : [];
      if (action === 'start') begin(sanitized, Number(time), opts);
      else if (action === 'end') end(sanitized, Number(time));
      else if (escaped !== '') {
        const isOwn = escaped === '\x1b[0K' && line.startsWith('section_', at + escaped.length);
        if (!(kind === '[' && last === 'm') && !isOwn) oddities.push(`hidden ${JSON.stringify(escaped)}`);
      } else if (matchAt(cutSequence, line, at) !== null) {
        oddities.push('the rest of a line');
        break;
      } else if (line[at] === '\r') {
        oddities.push(`wiped ${current}`);
        current = '';
      } else current += line[at] ?? '';
      at += Math.max(1, whole.length, escaped.length);
    }
    flush();
  }
  return { sections, lines, oddities };
}

function matchAt(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}
