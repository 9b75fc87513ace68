import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { configCredentials, withoutConfigCredentials } from '../../../engine/git-config.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const basic = base64('x-access-token:ghs_0123456789');

/** As `git init` and `git clone` leave it, with what people write into it. */
const harmless = `[core]
\trepositoryformatversion = 0
\tbare = false ; a comment
\taskPass = /usr/bin/ask
# https://git-scm.com, say user@host
[remote "origin"]
\turl = ssh://git@host:22/owner/name
\tfetch = +refs/heads/*:refs/remotes/origin/*\r
[credential]
\thelper = store
\thelper = "!f() { echo username=me; echo \\"password=$TOKEN\\"; }; f"
\tusername = me
[http]
\tproxy = proxy.example:3128
\textraheader = X-Trace: 1
\tsslVerify
[url "git@host:"]
\tinsteadOf = https://host/
[alias]
\tlog2 = log \\
  --token = none`;

test('a file without credentials stays as it is', () => {
  expect(configCredentials(harmless)).toEqual([]);
  expect(withoutConfigCredentials(harmless)).toBe(harmless);
});

describe('what is found, and what is left', () => {
  test.each<[text: string, found: string[], without: string]>([
    [
      '[remote "o"]\n\turl = https://me:pass@host/x.git\n\tpushurl=https://me:pass@host/y.git\n',
      ['pass', 'me:pass'],
      '[remote "o"]\n\turl = https://host/x.git\n\tpushurl=https://host/y.git\n',
    ],
    [
      '[url "https://me:pass@host/"]\n\tinsteadOf = https://host/\n',
      ['pass', 'me:pass'],
      '[url "https://host/"]\n\tinsteadOf = https://host/\n',
    ],
    // As actions/checkout leaves it.
    [
      `[http "https://github.com/"]\n\textraheader = AUTHORIZATION: basic ${basic}\n[gc]\n\tauto = 0\n`,
      [basic, 'ghs_0123456789', 'x-access-token:ghs_0123456789'],
      '[http "https://github.com/"]\n[gc]\n\tauto = 0\n',
    ],
    ['[http "x"] extraHeader = "Authorization: Bearer abcdefgh" # for now', ['abcdefgh'], '[http "x"]\n'],
    ['[http]\n\textraheader = PRIVATE-TOKEN: abc; comment\r\n', ['abc'], '[http]\n'],
    ['[http]\n\textraheader = Cookie: \\\n  a=b\n\tx = y\n', ['a=b'], '[http]\n\tx = y\n'],
    ['#\textraheader = Authorization: token old\n', ['old'], '#\n'],
    ['[http]\n\tproxy = me:pass@proxy:8080\n', ['pass', 'me:pass'], '[http]\n\tproxy = proxy:8080\n'],
    ['[http]\n\tproxy = "http://me:p#s@proxy"\r\n', ['p#s', 'me:p#s'], '[http]\n\tproxy = http://proxy\n'],
    [
      '[credential]\n\thelper = "!f() { echo username=me; echo \\"password=p1ss\\"; }; f"\n',
      ['p1ss'],
      '[credential]\n',
    ],
    ['[sendemail]\n\tsmtpPass = "a \\"b\\" c"\n', ['a "b" c'], '[sendemail]\n'],
    ['[github]\n\tuser = me\n\ttoken = abc\n\toauth-token = def', ['abc', 'def'], '[github]\n\tuser = me\n'],
    ['[remote "o"]\n\turl = https://me:pa\\\nss@host\n', ['pass', 'me:pass'], '[remote "o"]\n'],
    // Quotes and backslashes are git's, not the password's.
    [
      '[remote "o"]\n\turl = "https://me:p\\"w@host"\n',
      ['p\\"w', 'me:p\\"w', 'p"w', 'me:p"w'],
      '[remote "o"]\n\turl = "https://host"\n',
    ],
  ])('%j', (text, found, without) => {
    expect(configCredentials(text)).toEqual(found);
    expect(withoutConfigCredentials(text)).toBe(without);
    expect(configCredentials(without)).toEqual([]);
  });
});

test('what is left is a config to git, all else with its value', () => {
  const list = (text: string): string[] => {
    const folder = mkdtempSync(join(tmpdir(), 'lockstep-git-config-'));
    try {
      writeFileSync(join(folder, 'config'), text);
      return execFileSync('git', ['config', '--list', '-z', '--file', join(folder, 'config')], {
        encoding: 'utf8',
      })
        .split('\0')
        .filter(Boolean);
    } finally {
      rmSync(folder, { recursive: true });
    }
  };
  const secrets = `
[http "https://github.com/"] extraheader = AUTHORIZATION: basic ${basic}
[url "https://me:pass@host/"]
\tinsteadOf = https://host/
[http]
\textraheader = AUTHORIZATION: bearer \\
continued
\tproxy = me:pass@proxy:8080
[github]
\ttoken = abc`;
  expect(list(withoutConfigCredentials(harmless + secrets))).toEqual([
    ...list(harmless),
    'url.https://host/.insteadof\nhttps://host/',
    'http.proxy\nproxy:8080',
  ]);
});
