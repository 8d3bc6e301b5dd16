/** What all kinds of letters have in common. */
import type { CommonQueryMethods } from 'slonik'
import type { OutboxEvent } from '../platform/outbox.ts'
import type { Letter } from './write-mail.ts'

/** By the key of the event. One that is missing has nothing to tell, or nobody to tell it to. */
export type Letters = ReadonlyMap<string, Letter>

export interface LetterContext {
  /** Where people see an order; null when the shop's address is not set. */
  readonly orderLink: (orderId: string) => string | null
}

/** Reads what is true now of some events of one kind, and makes letters of it. */
export type LettersOf = (
  pool: CommonQueryMethods,
  events: readonly OutboxEvent[],
  context: LetterContext,
) => Promise<Letters>

/**
 * For whoever starts the jobs: links to orders below the shop's public address, a path included; without one
 * there are none. Never throws on an address that the settings have let pass.
 */
export function orderLinks(publicUrl: string | undefined): LetterContext {
  const base = publicUrl?.replace(/\/+$/, '')
  return { orderLink: (id) => (base === undefined ? null : `${base}/orders/${id}`) }
}
