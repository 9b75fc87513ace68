import assert from 'node:assert/strict';
import test from 'node:test';
import { greet } from '../src/greet.js';

test('greets the world of the year', () => {
  const year = Number(process.env.YEAR);
  assert.equal(greet('hello', year), year < 2000 ? 'hello, old world' : 'hello, new world');
});
