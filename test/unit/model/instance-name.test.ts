import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instanceFileName, instanceJob, instanceName, matrixOf } from '../../../src/model/instance-name.ts';

describe('instanceName', () => {
  it('has the values in their order', () => {
    expect(instanceName('test', { node: '22' })).toBe('test[node=22]');
    expect(instanceName('t', { os: 'x', v: 2 })).toBe('t[os=x,v=2]');
  });

  it('is the job without values', () => {
    expect(instanceName('lint', {})).toBe('lint');
  });

  it('writes what is no text as JSON', () => {
    expect(instanceName('t', { a: true, b: null, c: { d: [1] } })).toBe('t[a=true,b=,c={"d":[1]}]');
  });
});

it('instanceJob takes the values away', () => {
  expect(instanceJob('test[node=22]')).toBe('test');
  expect(instanceJob('t[a=[1]\n]')).toBe('t');
  expect(instanceJob('lint')).toBe('lint');
});

describe('matrixOf', () => {
  it('compares values as text', () => {
    expect(matrixOf({ node: 22, os: 'x' }, { node: '22' })).toBe(true);
    expect(matrixOf({ node: 22 }, { node: '24' })).toBe(false);
  });

  it('wants every key', () => {
    expect(matrixOf({ node: 22 }, { os: 'x' })).toBe(false);
    expect(matrixOf({}, { toString: 'x' })).toBe(false);
    expect(matrixOf({}, {})).toBe(true);
  });
});

describe('instanceFileName', () => {
  it('is percent-encoded', () => {
    expect(instanceFileName('test[node=22]')).toBe('test%5Bnode%3D22%5D');
    expect(instanceFileName('t[a=ü/../x]')).toBe('t%5Ba%3D%C3%BC%2F..%2Fx%5D');
  });

  it('fits a file system, and tells long names apart', () => {
    const long = 'x'.repeat(300);
    expect(instanceFileName(`${long}a`).length).toBeLessThanOrEqual(200);
    expect(instanceFileName(`${long}a`)).not.toBe(instanceFileName(`${long}b`));
  });

  it('is a plain name for any text that begins like a job', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(instanceFileName(`j${text}`)).toMatch(/^j[A-Za-z0-9_.%-]{0,199}$/);
      }),
    );
  });
});
