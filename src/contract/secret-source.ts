// One place that secrets come from, e.g. a platform's own store. Sources are asked in an order; the first that has a name wins.
import type { Outcome } from '../model/failure.ts';

export interface SecretSource {
  /** Where it looks for the name, for people: `the environment variable LOCKSTEP_SECRET_TOKEN`. */
  place(name: string): string;
  /** Null: it has none of this name. Starts no command. Failures say why it cannot tell, and hold no value. */
  find(name: string): Promise<Outcome<FoundSecret | null>>;
}

export interface FoundSecret {
  /** For people, without the value: `--secret (env:TOKEN)`. */
  readonly from: string;
  /** The value. Failures hold nothing of it. `signal` stops what it waits for. */
  read(signal: AbortSignal): Promise<Outcome<Uint8Array>>;
}
