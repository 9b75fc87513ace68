// Loaded into the thread of GitHub's clients: hosts with real names, by https, answer as a test says; all other requests fail.
import { appendFileSync } from 'node:fs';
import { env } from 'node:process';
import nock from 'nock';

export interface HostAnswer {
  /** Without a query: it answers with any, and to every method. */
  readonly url: string;
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

nock.disableNetConnect();
for (const { url, status, headers = {}, body } of JSON.parse(env.TEST_ANSWERS ?? '[]') as HostAnswer[]) {
  const { origin, pathname } = new URL(url);
  for (const method of ['GET', 'HEAD', 'POST', 'PUT']) {
    nock(origin)
      .persist()
      .intercept((path) => path.split('?')[0] === pathname, method)
      .reply((request: Request) => {
        const bearer = request.headers.has('authorization') ? ' with the token' : '';
        appendFileSync(env.TEST_REQUESTS ?? '', `${method} ${url}${bearer}\n`);
        return [status, body, { ...headers, 'content-length': String(Buffer.byteLength(body)) }];
      });
  }
}
