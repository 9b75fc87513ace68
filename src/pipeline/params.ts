// Declared params and what the command line says → the value of each.
import type { Param } from '../model/pipeline.ts';
import type { ParamValue } from '../model/plan.ts';

/** What is wrong with a value, or null. */
export function paramProblem(param: Param, value: ParamValue): string | null {
  if (param.type !== 'choice')
    return typeof value === param.type ? null : `expected ${kinds[param.type]}, found ${describe(value)}`;
  const options = param.options ?? [];
  return options.some((option) => option === value)
    ? null
    : `expected one of ${options.join(', ')}, found ${describe(value)}`;
}

const kinds = { string: 'a text', number: 'a number', boolean: 'true or false' } as const;
const describe = (value: ParamValue): string => (typeof value === 'string' ? `'${value}'` : String(value));

/** Text of the command line as the type wants it; text that does not fit stays text. */
export function readParam(param: Param, text: string): ParamValue {
  switch (param.type) {
    case 'number':
      return /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : text;
    case 'boolean':
      return text === 'true' || text === 'false' ? text === 'true' : text;
    case 'string':
    case 'choice':
      return text;
  }
}

/** Where nobody says anything: as GitHub fills in an input of this type. */
export function emptyParam(param: Param): ParamValue {
  switch (param.type) {
    case 'number':
      return 0;
    case 'boolean':
      return false;
    case 'string':
      return '';
    case 'choice':
      return param.options?.[0] ?? '';
  }
}
