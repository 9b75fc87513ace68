// The language at run time: what the engine asks when a value depends on what earlier jobs and steps gave.
import type { JsonObject, JsonValue } from '../model/json.ts';
import type { Outcome } from '../model/failure.ts';
import type { Condition, MatrixValues, Template } from '../model/plan.ts';

/** How things stand where the expression is read, for `success()`, `failure()` and `cancelled()`. */
export interface Standing {
  readonly success: boolean;
  readonly failure: boolean;
  readonly cancelled: boolean;
}

/** `params`, `matrix`, `env`, `needs`, `steps`, `git`, `event`, `run`: those that exist at this place. */
export interface Scope {
  readonly contexts: JsonObject;
  readonly standing: Standing;
}

/** Pure: no I/O, no clock. A failure has kind `pipeline` and one of the codes of 2-pipeline-file. */
export interface Evaluator {
  /** The text with every `${{ }}` replaced; a list or an object as text is `wrong-type`. */
  readonly text: (template: Template, scope: Scope) => Outcome<string>;
  /** Whether an `if` holds; one that calls no status function is read as `success() && (…)`. */
  readonly condition: (condition: Condition, scope: Scope) => Outcome<boolean>;
  /** Whether an `if` means only what it says, as in `finally`: no implied `success()`. */
  readonly literalCondition: (condition: Condition, scope: Scope) => Outcome<boolean>;
  /** A matrix that only the run knows, expanded; an empty list is a matrix that comes out empty. */
  readonly matrix: (template: Template, scope: Scope) => Outcome<readonly MatrixValues[]>;
  /** The value of a template that is one expression, else its text. */
  readonly value: (template: Template, scope: Scope) => Outcome<JsonValue>;
}
