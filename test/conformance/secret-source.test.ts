// Runs the secret source contract for GitHub's input, GitLab's variables and files, our own file and the words of --secret.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { githubSecrets } from '../../providers/github/secrets.ts';
import { gitlabSecrets } from '../../providers/gitlab/secrets.ts';
import { fileSecrets } from '../../src/compose/secret-file.ts';
import { commandLineSecrets } from '../../src/compose/secret-words.ts';
import { secretSourceContract, type SecretSourceUnderTest } from './secret-source.ts';

type Values = Readonly<Record<string, string>>;
const mapped = (values: Values, change: (name: string, value: string) => string): Record<string, string> =>
  Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(name, value)]));

/** With a folder of its own. */
const inFolder = (create: (folder: string) => SecretSourceUnderTest) => (): SecretSourceUnderTest => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-secrets-'));
  return { ...create(folder), remove: () => rmSync(folder, { recursive: true }) };
};

secretSourceContract("GitHub's input as JSON", () => ({
  open: (values) => githubSecrets({ INPUT_SECRETS: JSON.stringify(values) }),
  broken: (hidden) => githubSecrets({ INPUT_SECRETS: `{"TOKEN": "${hidden}` }),
}));

secretSourceContract("GitHub's input as lines", () => ({
  open: (values) =>
    githubSecrets({
      INPUT_SECRETS: Object.entries(values)
        .map((pair) => `${pair.join('=')}\n`)
        .join(''),
    }),
  broken: (hidden) => githubSecrets({ INPUT_SECRETS: `TOKEN=x\n${hidden}` }),
  oneLine: true,
}));

secretSourceContract("GitLab's variables", () => ({ open: gitlabSecrets }));

secretSourceContract(
  "GitLab's variables of type file",
  inFolder((folder) => {
    const job = { CI_PROJECT_DIR: join(folder, 'app') };
    const place = (name: string): string => join(folder, 'app.tmp', name);
    return {
      open: (values) => {
        mkdirSync(join(folder, 'app.tmp'));
        for (const [name, value] of Object.entries(values)) writeFileSync(place(name), value);
        return gitlabSecrets({ ...job, ...mapped(values, place) });
      },
      broken: () => gitlabSecrets({ ...job, TOKEN: place('TOKEN') }),
    };
  }),
);

secretSourceContract(
  'our own file',
  inFolder((folder) => {
    const write = (text: string): ReturnType<typeof fileSecrets> => {
      mkdirSync(join(folder, '.lockstep'));
      writeFileSync(join(folder, '.lockstep/secrets.env'), text, { mode: 0o600 });
      return fileSecrets(folder, process.env);
    };
    return {
      open: (values) =>
        write(
          Object.entries(values)
            .map(([name, value]) => `${name}=${value === '' ? '' : JSON.stringify(value)}\n`)
            .join(''),
        ),
      broken: (hidden) => write(`TOKEN=x\n${hidden}\n`),
    };
  }),
);

const words = (folder: string, names: Values, environment: Values = {}) =>
  commandLineSecrets({ names: new Map(Object.entries(names)), folder, environment });

secretSourceContract('--secret NAME=VALUE', () => ({ open: (values) => words('/', values) }));

secretSourceContract('--secret NAME=env:VARIABLE', () => ({
  open: (values) =>
    words(
      '/',
      mapped(values, (name) => `env:${name}`),
      values,
    ),
}));
