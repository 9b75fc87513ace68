// Words → one line that a shell, and the action's input `args`, read as these words.
const quoted = (word: string): string =>
  /^[\w./:@=,+%-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;

export const shellLine = (words: readonly string[]): string => words.map(quoted).join(' ');
