// What a platform has, or why not → an offer.
import type { Offer } from '../../src/contract/provider.ts';

/** Opened once, whoever asks. */
export function there<T>(open: () => Promise<T>): Offer<T> {
  let opened: Promise<T> | null = null;
  return { is: 'there', open: () => (opened ??= open()) };
}
