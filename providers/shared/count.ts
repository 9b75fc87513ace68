// A value of any shape → a number above 0.

/** 0 for what is no number above 0. */
export const countIn = (value: unknown): number =>
  typeof value === 'number' && Number.isSafeInteger(value) && value > 0 ? value : 0;
