// The product's specification by example: every folder here is a case, run with bin/lockstep on the real engine.
import { existsSync, readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, test } from 'vitest';
import { checkCase } from '../rig/case.ts';

const folder = fileURLToPath(new URL('.', import.meta.url));
const cases = readdirSync(folder).filter((name) => existsSync(`${folder}${name}/expected.json`));

describe('cases', () => {
  test.concurrent.for(cases)('%s', (name) => checkCase(`${folder}${name}`));
});
