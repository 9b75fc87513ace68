import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  addressCredentials,
  credentialsIn,
  proxyCredentials,
  withoutAddressCredentials,
  withoutCredentials,
} from '../../../src/model/url-credentials.ts';
import { createRedactor } from '../../../src/report/redact/redactor.ts';

const token = 'ghp_0123456789abcdef';

describe('credentials in a text', () => {
  test.each<[text: string, found: string[], without: string]>([
    ['http://me:pass@host/x', ['pass', 'me:pass'], 'http://host/x'],
    ['HTTPS://me:pass@host', ['pass', 'me:pass'], 'HTTPS://host'],
    ['https://me:p%40s%2Fs@host', ['p%40s%2Fs', 'p@s/s', 'me:p%40s%2Fs', 'me:p@s/s'], 'https://host'],
    ['https://me:50%@host', ['50%', 'me:50%'], 'https://host'],
    ['https://me:p@ss@host/a@b', ['p@ss', 'me:p@ss'], 'https://host/a@b'],
    ['https://me:p:w@host', ['p:w', 'me:p:w'], 'https://host'],
    ['https://me:pä ss@host', [], 'https://me:pä ss@host'],
    ['https://me:pä\u00a0ss@host', ['pä\u00a0ss', 'me:pä\u00a0ss'], 'https://host'],
    ['https://:pass@host', ['pass', ':pass'], 'https://host'],
    // The token is the user.
    [`https://${token}@host`, [token], 'https://host'],
    [`https://${token}:@host`, [token, `${token}:`], 'https://host'],
    [`https://${token}:x@host`, [token, `${token}:x`], 'https://host'],
    ['https://short:x-oauth-basic@host', ['short', 'short:x-oauth-basic'], 'https://host'],
    [`https://${token}:pass@host`, ['pass', `${token}:pass`], 'https://host'],
    ['https://:x-oauth-basic@host', [], 'https://:x-oauth-basic@host'],
    [`git+https://me:pass@host`, ['pass', 'me:pass'], 'git+https://host'],
    // Elsewhere the user is needed, and is no secret however long.
    ['ssh://git:pass@host:22/x', ['pass', 'git:pass'], 'ssh://git@host:22/x'],
    ['ftp://:pass@host', ['pass', ':pass'], 'ftp://host'],
    ['postgres://me:pass@db/x', ['pass', 'me:pass'], 'postgres://me@db/x'],
    // Mere users, and what is no user at all.
    [
      'https://my-organisation-1@host/my-organisation-1/x',
      [],
      'https://my-organisation-1@host/my-organisation-1/x',
    ],
    ['https://org:pass@host/org/x', ['pass', 'org:pass'], 'https://host/org/x'],
    ['https://user@host/x', [], 'https://user@host/x'],
    [`ssh://${token}@host`, [], `ssh://${token}@host`],
    ['https://me:@host', [], 'https://me:@host'],
    ['https://@host', [], 'https://@host'],
    ['git@host:owner/name', [], 'git@host:owner/name'],
    ['https://host/me:pass@x', [], 'https://host/me:pass@x'],
    ['https://host?me:pass@x', [], 'https://host?me:pass@x'],
    ['see https://host, or mail me:you@host', [], 'see https://host, or mail me:you@host'],
    ['', [], ''],
    // Several.
    [
      'a http://a:one@h b\nhttp://a:two@h http://a:one@g',
      ['one', 'a:one', 'two', 'a:two'],
      'a http://h b\nhttp://h http://g',
    ],
  ])('%j', (text, found, without) => {
    expect(credentialsIn(text)).toEqual(found);
    expect(withoutCredentials(text)).toBe(without);
  });

  test('none is left, and cutting again cuts no more', () => {
    const part = fc.string({
      unit: fc.constantFrom('a', ':', '/', '@', ' ', 'http', '://', 'ssh', '%40', '\n'),
    });
    fc.assert(
      fc.property(part, (text) => {
        const without = withoutCredentials(text);
        expect(withoutCredentials(without)).toBe(without);
        expect(credentialsIn(without)).toEqual([]);
        if (credentialsIn(text).length === 0) expect(without).toBe(text);
      }),
    );
  });

  test.each(['a', '://', 'http', 'http:', ':', '@'])(
    'a megabyte of %j takes no longer than its length',
    (piece) => {
      const text = piece.repeat((1 << 20) / piece.length);
      expect(withoutCredentials(text) === text).toBe(true);
    },
  );
});

test('the header of basic authentication is masked, however short the password', () => {
  const values = addressCredentials('http://me:p%40w@proxy:8080');
  const { text } = createRedactor(
    values.map((value) => ({ name: 'HTTP_PROXY', value: Buffer.from(value), guard: false })),
  );
  const header = (login: string): string => text(`Basic ${Buffer.from(login).toString('base64')}`);
  expect(header('me:p@w')).toBe('Basic ***');
  expect(header('me:else')).toBe('Basic bWU6ZWxzZQ==');
});

describe('credentials in an address', () => {
  test.each<[address: string, found: string[], without: string]>([
    ['me:pass@host:8080', ['pass', 'me:pass'], 'host:8080'],
    ['http://me:p/w#?@host', ['p/w#?', 'me:p/w#?'], 'http://host'],
    ['http://me:p w\n@host', ['p w\n', 'me:p w\n'], 'http://host'],
    ['socks5h://me:pass@host', ['pass', 'me:pass'], 'socks5h://me@host'],
    [`${token}@host`, [token], 'host'],
    ['tcp://me:pass@host:2375', ['pass', 'me:pass'], 'tcp://me@host:2375'],
    ['ssh://me@host', [], 'ssh://me@host'],
    ['me@host', [], 'me@host'],
    ['host:8080', [], 'host:8080'],
    ['unix:///run/a:b@c.sock', [], 'unix:///run/a:b@c.sock'],
    ['/run/a:b@c.sock', [], '/run/a:b@c.sock'],
    ['localhost,.example.com,10.0.0.0/8', [], 'localhost,.example.com,10.0.0.0/8'],
    ['', [], ''],
  ])('%j', (address, found, without) => {
    expect(addressCredentials(address)).toEqual(found);
    expect(withoutAddressCredentials(address)).toBe(without);
  });

  test('of proxies, each by the name of its variable', () => {
    const proxies = {
      HTTP_PROXY: 'me:one@host:1',
      HTTPS_PROXY: 'http://me:t%6fo@host',
      NO_PROXY: 'localhost',
    };
    expect(proxyCredentials(proxies)).toEqual([
      { name: 'HTTP_PROXY', value: 'one' },
      { name: 'HTTP_PROXY', value: 'me:one' },
      { name: 'HTTPS_PROXY', value: 't%6fo' },
      { name: 'HTTPS_PROXY', value: 'too' },
      { name: 'HTTPS_PROXY', value: 'me:t%6fo' },
      { name: 'HTTPS_PROXY', value: 'me:too' },
    ]);
  });
});
