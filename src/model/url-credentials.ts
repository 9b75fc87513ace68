// Text with URLs in it → the credentials they hold, and the text without them.
import { unescape } from 'node:querystring';

/** What is a secret though nobody declared it. */
export interface Credential {
  /** Where it was found, for people: `HTTPS_PROXY`, `.git/config`. */
  readonly name: string;
  readonly value: string;
}

/**
 * The host ends at the first `/`, `?` or `#`; what stands before its last `@` is user and password. A user with which
 * the path begins as well is no token: `https://ORGANISATION@dev.azure.com/ORGANISATION/…`.
 */
const inText = /(https?)?:\/\/([^ \t\r\n/?#]*)@(?![^ \t\r\n/?#]*\/\2\/)/gi;

/** Here a password that was not encoded may hold anything. A path (`unix:///…`) is no host. */
const inAddress = /^(?:([^:/]*):\/\/|(?![^:/]*:\/\/))(?!\/)([^]*)@/;

/** The values to mask of each `scheme://user:password@host`, as written and percent-decoded; none for a mere user. */
export const credentialsIn = (text: string): string[] =>
  distinct(Array.from(text.matchAll(inText), ([, http, info = '']) => secretsIn(info, http !== undefined)));

/** The text with no such credentials left, else byte for byte. Of URLs that are not of the web the user stays. */
export const withoutCredentials = (text: string): string =>
  text.replace(inText, (whole, http: string | undefined, info: string) =>
    withoutInfo(whole, info, http !== undefined),
  );

/** `credentialsIn` of a text that is one URL and may lack its scheme, as a proxy's. */
export function addressCredentials(address: string): string[] {
  const [, scheme, info = ''] = inAddress.exec(address) ?? [];
  return distinct([secretsIn(info, isWeb(scheme))]);
}

/** `withoutCredentials` of such a text. */
export const withoutAddressCredentials = (address: string): string =>
  address.replace(inAddress, (whole, scheme: string | undefined, info: string) =>
    withoutInfo(whole, info, isWeb(scheme)),
  );

/** By name of the variable, e.g. `HTTPS_PROXY`. */
export const proxyCredentials = (proxies: Readonly<Record<string, string>>): Credential[] =>
  Object.entries(proxies).flatMap(([name, address]) =>
    addressCredentials(address).map((value) => ({ name, value })),
  );

const isWeb = (scheme: string | undefined): boolean => scheme === undefined || /^https?$/i.test(scheme);

/** Bytes. On the web a user as long as this and without a password is a token, as hosts of git take it. */
const shortestToken = 16;

/** What stands in the password's place then. */
const fillers: ReadonlySet<string> = new Set(['', 'x', 'x-oauth-basic']);

/**
 * Of what stands before a host's `@`. With `user:password` as a whole: the header of basic authentication has the base64
 * of that, in which a short password alone could not be known again.
 */
export function secretsIn(info: string, web: boolean): string[] {
  const { user, password } = parts(info);
  const isLong = password === 'x-oauth-basic' || Buffer.byteLength(user) >= shortestToken;
  const secret = web && fillers.has(password) && isLong ? user : password;
  return secret === '' ? [] : [secret, info];
}

function parts(info: string): { readonly user: string; readonly password: string } {
  const colon = `${info}:`.indexOf(':');
  return { user: info.slice(0, colon), password: info.slice(colon + 1) };
}

/** `whole` ends with the user information and its `@`. */
function withoutInfo(whole: string, info: string, web: boolean): string {
  if (secretsIn(info, web).length === 0) return whole;
  const { user } = parts(info);
  return whole.slice(0, whole.length - info.length - 1) + (web || user === '' ? '' : `${user}@`);
}

const distinct = (found: readonly (readonly string[])[]): string[] => [
  ...new Set(found.flat().flatMap((value) => [value, unescape(value)])),
];
