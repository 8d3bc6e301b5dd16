/** What the provider knows of an intent and of a refund, and the answers that are made of it. */
import type {
  IntentFacts,
  IntentStatus,
  RefundFacts,
  RefusedByProvider,
  Unknown,
} from '../../../src/payments/gateway.ts'
import { type CardVerdict, cardOf } from './cards.ts'

/** What it is like at the moment. Chances are from 0 to 1. */
export interface Mood {
  /** Of being told to come later. */
  busy: number
  /** The shop's key is refused. */
  barred: boolean
  /** Of breaking down over a request that has a key: before or after it is carried out. */
  broken: number
}

export const healthy = (): Mood => ({ busy: 0, barred: false, broken: 0 })

export interface Intent {
  readonly id: string
  readonly checkoutId: string
  readonly amount: number
  readonly currency: string
  readonly createdMs: number
  /** Made by somebody who is not the shop. */
  readonly strange: boolean
  status: IntentStatus
  received: number
  method: string
  declineCode: string | null
  /** A bank decides about it at this moment. */
  atBank: boolean
}

export interface Refund {
  readonly id: string
  readonly intentId: string
  readonly amount: number
  /** Null: somebody began it who is not the shop. */
  readonly refundId: string | null
  status: RefundFacts['status']
}

/** One time that a bank was asked; `key` is the request's. */
export interface BankVisit {
  readonly key: string
  readonly checkoutId: string
  readonly method: string
  verdict: CardVerdict | 'open'
}

export type Happening =
  | { readonly of: 'intent'; readonly intent: Intent }
  | { readonly of: 'refund'; readonly refund: Refund }
  | { readonly of: 'charge'; readonly intentId: string; readonly refunded: number }

/** No answer of the kind that was asked for. */
export type Failed = RefusedByProvider | Unknown

export const unknown = (why: Unknown['why'], message: string): Unknown => ({
  tag: 'unknown',
  why,
  message,
})
export const refundFacts = ({ id, status, amount, refundId, intentId }: Refund): RefundFacts => ({
  ...{ id, status, amount, refundId, intentId },
})

export function factsOf(intent: Intent): IntentFacts {
  const { id, status, amount, currency, received, checkoutId, declineCode, method } = intent
  return {
    ...{ id, status, amount, currency, checkoutId, declineCode, amountReceived: received },
    ...{ clientSecret: `${id}_secret`, paymentMethodId: method === '' ? null : method },
    card: method === '' ? null : { brand: 'visa', last4: method.slice(0, 4) },
  }
}

export function unknownMethod(method: string): RefusedByProvider | null {
  return cardOf(method) ? null : refusal('resource_missing', 'payment_method', null)
}

export function refusal(
  code: string,
  param: string | null,
  intent: IntentFacts | null,
): RefusedByProvider {
  return { tag: 'refused', code, param, message: `${code} ${param ?? ''}`, intent }
}
