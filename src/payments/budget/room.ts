import type { Endpoint } from './budget.ts'

/** Calls that are waited for in one process. */
export interface Wanted {
  readonly buyers: number
  readonly background: number
}

/** What was granted of {@link Wanted}. */
export interface Granted extends Wanted {
  /** When to ask for the rest. Milliseconds, 1 to 1,000. */
  readonly againMs: number
  /** Calls a second that are allowed. */
  readonly rate: number
  /** When, by the clock of whoever granted. Milliseconds. */
  readonly at: number
}

/** What a refusal of the provider is about, and what it asks for. */
export interface Refusal {
  readonly of: 'account' | 'endpoint'
  readonly how: 'lower' | 'pause'
}

/** Who grants calls: Redis to all processes, or a process to itself. */
export interface Room {
  /** `who` waits: a name of the process and of the queue in it. */
  ask(endpoint: Endpoint, wanted: Wanted, who: string): Promise<Granted>
  /** Calls a second from now on; null: this moment has been counted, or it is only a pause. */
  slowDown(endpoint: Endpoint, refusal: Refusal): Promise<number | null>
}
