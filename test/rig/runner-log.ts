// The log of a step of a workflow → what GitHub's runner takes for commands in it, by its own rules (ActionCommandManager).

export interface RunnerLog {
  /** Those that were heeded, in order. */
  readonly commands: readonly RunnerCommand[];
  readonly annotations: readonly RunnerCommand[];
  readonly masks: readonly string[];
  /** Without what is a command. */
  readonly shown: string;
  /** A step that ends with commands stopped takes them from whatever comes after. */
  readonly stopped: boolean;
}

export interface RunnerCommand {
  readonly name: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly data: string;
}

const known = new Set(
  'group endgroup error warning notice debug add-mask add-matcher remove-matcher set-output save-state set-env add-path echo stop-commands'.split(
    ' ',
  ),
);

export function readRunnerLog(log: string): RunnerLog {
  const commands: RunnerCommand[] = [];
  const shown: string[] = [];
  let token: string | null = null;
  for (const line of log.split(/\r\n|\r|\n/)) {
    const command = parse(line, token);
    if (command === null) shown.push(line);
    else if (token !== null) token = null;
    else {
      commands.push(command);
      if (command.name === 'stop-commands') token = command.data;
    }
  }
  return {
    commands,
    annotations: commands.filter(({ name }) => ['error', 'warning', 'notice'].includes(name)),
    masks: commands.filter(({ name }) => name === 'add-mask').map(({ data }) => data),
    shown: shown.join('\n'),
    stopped: token !== null,
  };
}

/** While commands are stopped nothing is one but the token. */
function parse(line: string, token: string | null): RunnerCommand | null {
  const heeded = (name: string): boolean => (token === null ? known.has(name) : name === token);
  // The older form is found anywhere in a line.
  const forms = [/^\s*::([^\s:]+)(?: ([^]*?))?::([^]*)$/, /##\[([^\s\]]+)(?: ([^\]]*))?\]([^]*)$/];
  for (const form of forms) {
    const [, name = '', properties = '', data = ''] = form.exec(line) ?? [];
    if (heeded(name)) return { name, properties: propertiesOf(properties), data: unescape(data) };
  }
  return null;
}

const propertiesOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(
    text
      .split(',')
      .filter((part) => part.includes('='))
      .map((part) => [
        part.slice(0, part.indexOf('=')),
        unescape(
          part
            .slice(part.indexOf('=') + 1)
            .replaceAll('%3A', ':')
            .replaceAll('%2C', ','),
        ),
      ]),
  );

const unescape = (text: string): string =>
  text.replaceAll('%0D', '\r').replaceAll('%0A', '\n').replaceAll('%25', '%');
