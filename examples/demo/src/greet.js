export const greet = (greeting, year) => `${greeting}, ${year < 2000 ? 'old' : 'new'} world`;
