// Text with `${{ }}` → parsed expressions: their trees, what they read and which functions they call.
import {
  Binary,
  ContextAccess,
  FunctionCall,
  Grouping,
  IndexAccess,
  Literal,
  Logical,
  Star,
  Unary,
} from '@actions/expressions/ast';
import type { Expr } from '@actions/expressions/ast';
import { ExpressionError } from '@actions/expressions/errors';
import { wellKnownFunctions } from '@actions/expressions/funcs';
import { Lexer, TokenType, type Token } from '@actions/expressions/lexer';
import { Parser } from '@actions/expressions/parser';
import type { DiagnosticCode } from '../model/diagnostic.ts';
import type { Span } from './source.ts';
import { suggestion } from './nearest-name.ts';

/** Literal text, or an expression; offsets count from the start of the template. */
export type TemplatePart = string | Expression;

export interface Expression {
  readonly root: Expr;
  /** Of the text between the braces. */
  readonly span: Span;
  readonly reads: readonly Read[];
  readonly calls: readonly { readonly name: string; readonly span: Span }[];
}

/** A context and the properties that are looked up in it, as far as they are known. */
export interface Read {
  /** Lower case, as GitHub's lookups ignore it. */
  readonly context: string;
  readonly path: readonly Segment[];
  readonly span: Span;
}

export interface Segment {
  /** Null: `*` or an index that only the run knows. */
  readonly name: string | null;
  readonly span: Span;
}

export interface ExpressionProblem extends Span {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly hint?: string;
}

export type Parsed<T> = { readonly value: T } | { readonly problem: ExpressionProblem };

export const statusFunctions = ['success', 'failure', 'always', 'cancelled'] as const;
const functionNames = [
  'contains',
  'startsWith',
  'endsWith',
  'format',
  'join',
  'toJSON',
  'fromJSON',
  'case',
  ...statusFunctions,
];
const isFunction = (name: string): boolean =>
  Object.hasOwn(wellKnownFunctions, name) || statusFunctions.some((known) => known === name);

export function parseTemplate(template: string): Parsed<readonly TemplatePart[]> {
  const parts: TemplatePart[] = [];
  let position = 0;
  for (;;) {
    const open = template.indexOf('${{', position);
    if (open < 0) break;
    const close = closingBraces(template, open + 3);
    if (close === null) {
      return { problem: invalid({ offset: open, length: 3 }, 'this `${{` has no `}}`') };
    }
    const parsed = parseExpression(template.slice(open + 3, close), open + 3);
    if ('problem' in parsed) return parsed;
    if (open > position) parts.push(template.slice(position, open));
    parts.push(parsed.value);
    position = close + 2;
  }
  if (position < template.length) parts.push(template.slice(position));
  return { value: parts };
}

/** Braces inside a string of the expression do not count. */
function closingBraces(template: string, from: number): number | null {
  let inString = false;
  for (let index = from; index < template.length; index++) {
    if (template[index] === "'") inString = !inString;
    else if (!inString && template.startsWith('}}', index)) return index;
  }
  return null;
}

/** An `if`: the expression itself, or all of it in one pair of braces. */
export function parseCondition(text: string): Parsed<Expression> {
  const start = text.length - text.trimStart().length;
  const trimmed = text.trim();
  if (!trimmed.includes('${{')) return parseExpression(trimmed, start);
  const close = trimmed.startsWith('${{') ? closingBraces(trimmed, 3) : null;
  if (close !== null && close + 2 === trimmed.length) {
    return parseExpression(trimmed.slice(3, close), start + 3);
  }
  const message = 'an `if` is one expression, with all of it in one pair of braces or none';
  return { problem: invalid({ offset: start, length: trimmed.length }, message, 'leave the braces out') };
}

/** `offset` is where the text stands in what the spans count from. */
export function parseExpression(text: string, offset: number): Parsed<Expression> {
  const span = { offset, length: text.length };
  const lexed = lex(text, offset);
  if ('problem' in lexed) return lexed;
  const { tokens, spans } = lexed.value;
  if (text.trim() === '') return { problem: invalid(span, 'the expression is empty') };
  const spanOf = (token: Token): Span => spans.get(token) ?? span;
  const calls = tokens
    .filter((_, index) => isCall(tokens, index))
    .map((token) => ({ name: token.lexeme.toLowerCase(), span: spanOf(token) }));
  const unknown = calls.find(({ name }) => !isFunction(name));
  if (unknown) {
    const hint = suggestion(unknown.name, functionNames);
    return { problem: invalid(unknown.span, `there is no function '${unknown.name}'`, hint) };
  }
  try {
    // Contexts are checked later, where it is known which there are.
    const names = tokens.filter(({ type }) => type === TokenType.IDENTIFIER).map(({ lexeme }) => lexeme);
    const root = new Parser(tokens, names, statusInfos).parse();
    return { value: { root, span, reads: readsOf(root, spanOf), calls } };
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error;
    const culprit = tokens.find(({ range }) => range.start === error.pos);
    const message = error.message.charAt(0).toLowerCase() + error.message.slice(1);
    return { problem: invalid(culprit ? spanOf(culprit) : span, message) };
  }
}

const statusInfos = statusFunctions.map((name) => ({ name, minArgs: 0, maxArgs: 0 }));

const invalid = (span: Span, message: string, hint?: string): ExpressionProblem => ({
  code: 'invalid-expression',
  message,
  ...span,
  ...(hint !== undefined && { hint }),
});

const isCall = (tokens: readonly Token[], index: number): boolean =>
  tokens[index]?.type === TokenType.IDENTIFIER &&
  tokens[index + 1]?.type === TokenType.LEFT_PAREN &&
  tokens[index - 1]?.type !== TokenType.DOT;

/** The package's tokens, with its slip in strings of several `''` put right, and where each stands. */
function lex(text: string, offset: number): Parsed<{ tokens: Token[]; spans: Map<Token, Span> }> {
  const spans = new Map<Token, Span>();
  try {
    let position = 0;
    const tokens = new Lexer(text).lex().tokens.map((token) => {
      position = text.indexOf(token.lexeme, position);
      const value = token.type === TokenType.STRING ? unquoted(token.lexeme) : token.value;
      const whole: Token = { ...token, ...(value !== undefined && { value }) };
      spans.set(whole, { offset: offset + position, length: Math.max(1, token.lexeme.length) });
      position += token.lexeme.length;
      return whole;
    });
    return { value: { tokens, spans } };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const at = /^(Unexpected symbol: '([^]*)')\. Located at position (\d+) within/.exec(error.message);
    if (!at) return { problem: invalid({ offset, length: text.length }, 'the expression is too long') };
    const [, , symbol = '', position] = at;
    const span = { offset: offset + Number(position) - 1, length: Math.max(1, symbol.length) };
    const hint = symbol.startsWith('"') ? "texts are in single quotes: 'text'" : undefined;
    return { problem: invalid(span, `unexpected symbol: '${symbol}'`, hint) };
  }
}

const unquoted = (lexeme: string): string => lexeme.slice(1, -1).replaceAll("''", "'");

function readsOf(root: Expr, spanOf: (token: Token) => Span): Read[] {
  const reads: Read[] = [];
  const visit = (expr: Expr): void => {
    if (expr instanceof ContextAccess) {
      reads.push({ context: expr.name.lexeme.toLowerCase(), path: [], span: spanOf(expr.name) });
    } else if (expr instanceof IndexAccess) {
      visitIndex(expr);
    } else if (expr instanceof Grouping) {
      visit(expr.group);
    } else if (expr instanceof Unary) {
      visit(expr.expr);
    } else if (expr instanceof Binary) {
      visit(expr.left);
      visit(expr.right);
    } else if (expr instanceof Logical || expr instanceof FunctionCall) {
      expr.args.forEach(visit);
    }
  };
  const visitIndex = (access: IndexAccess): void => {
    const segments: Segment[] = [];
    let base: Expr = access;
    while (base instanceof IndexAccess || base instanceof Grouping) {
      if (base instanceof Grouping) {
        base = base.group;
        continue;
      }
      const { index } = base;
      const known = index instanceof Literal ? index : null;
      segments.unshift({
        name: known ? known.literal.coerceString() : null,
        span: known ? spanOf(known.token) : { offset: 0, length: 0 },
      });
      if (!known && !(index instanceof Star)) visit(index);
      base = base.expr;
    }
    if (!(base instanceof ContextAccess)) {
      visit(base);
      return;
    }
    const span = spanOf(base.name);
    const end = Math.max(...segments.map((segment) => segment.span.offset + segment.span.length), 0);
    const length = Math.max(span.length, end - span.offset);
    reads.push({ context: base.name.lexeme.toLowerCase(), path: segments, span: { ...span, length } });
  };
  visit(root);
  return reads;
}
