/**
 * The words between those who bring the provider's answer and the one place that makes it a fact.
 */
import type { Charge } from '../../../payments/gateway.ts'

/** A word of the provider that can be settled. */
export type Verdict = Exclude<Charge, { readonly tag: 'refused' | 'unknown' }>

/**
 * What settling came to, for those who answer buyers. `attemptsLeft` is 0 when the hold was given up;
 * `clientSecret` is for the buyer's browser.
 */
export type Settlement =
  | { readonly tag: 'confirmed' }
  | { readonly tag: 'declined'; readonly declineCode: string; readonly attemptsLeft: number }
  | { readonly tag: 'requires_action'; readonly clientSecret: string | null }
  | { readonly tag: 'processing' }
  /** The money came after the hold had ended: honoured, refunded, or still to be decided. */
  | { readonly tag: 'late' }
  /** The intent is closed, or there never was one. */
  | { readonly tag: 'canceled' }
  /** The provider would not make the attempt. */
  | { readonly tag: 'abandoned' }
  /** The provider is away, and the shop releases units then. */
  | { readonly tag: 'given up' }
  /** The word contradicts the order: nothing is settled. */
  | { readonly tag: 'mismatch'; readonly why: string }
  /** Known before, or about an attempt that is none of the open ones. */
  | { readonly tag: 'unchanged' }
