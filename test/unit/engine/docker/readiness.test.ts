import { expect, test } from 'vitest';
import { checkOf } from '../../../../engine/docker/readiness.ts';

const bounds = { intervalMs: 1, timeoutMs: 1 };
const none = { ExposedPorts: {} };

test('what is said comes first', () => {
  expect(checkOf({ check: { run: 'true' }, ...bounds }, none)).toMatchObject({
    script: 'true',
    anywhere: false,
  });
  expect(checkOf({ check: { tcp: 80 }, ...bounds }, none)).toMatchObject({
    what: 'TCP port 80',
    anywhere: true,
  });
  expect(checkOf({ check: { http: "http://x/'" }, ...bounds }, none)).toMatchObject({
    what: "http://x/'",
    anywhere: true,
  });
});

test('else the HEALTHCHECK, the lowest exposed TCP port, running', () => {
  const ports = { '53/udp': {}, '8080/tcp': {}, '443/tcp': {} };
  expect(checkOf(null, { ExposedPorts: ports, Healthcheck: { Test: ['CMD', 'x'] } })).toEqual({
    kind: 'health',
  });
  expect(checkOf(null, { ExposedPorts: ports, Healthcheck: { Test: ['NONE'] } })).toMatchObject({
    what: 'TCP port 443',
  });
  expect(checkOf(null, { ExposedPorts: { '53/udp': {} } })).toEqual({ kind: 'running' });
});
