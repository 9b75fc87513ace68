// Prints the page; the build's time comes from SOURCE_DATE_EPOCH, so two builds give the same bytes.
import { greet } from './greet.js';

const built = new Date(Number(process.env.SOURCE_DATE_EPOCH) * 1000).toISOString();
console.log(`<!doctype html><title>demo</title><p>${greet(process.env.GREETING, 2026)}</p><!-- ${built} -->`);
