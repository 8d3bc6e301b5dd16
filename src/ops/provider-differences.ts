/** What the provider says against what the tables say, of one charge or one refund. Pure. */
import type { IntentFacts } from '../payments/gateway.ts'

/** A payment as the tables have it. Amounts are minor units. */
export interface PaymentRow {
  readonly checkoutId: string
  readonly intentId: string | null
  readonly status: string
  readonly captured: number
  readonly currency: string
  /** The order's word; null when there is no order. */
  readonly order: string | null
  /** Somebody drives it right now, or it waits for its turn. */
  readonly underWay: boolean
  readonly changedAt: Date
}

/** A refund as the tables have it. */
export interface RefundRow {
  readonly id: string
  readonly checkoutId: string
  readonly intentId: string | null
  /** Of the provider; null until it has taken the refund in. */
  readonly providerId: string | null
  readonly state: string
  readonly amount: number
  readonly currency: string
  /** The refund job has asked for it within the last minutes, and asks again. */
  readonly underWay: boolean
  readonly changedAt: Date
}

/** A refund as the provider has it. */
export interface RefundThere {
  readonly id: string
  readonly status: string
  readonly amount: number
  readonly currency: string
  readonly refundId: string | null
}

type Told = Pick<IntentFacts, 'id' | 'status' | 'amountReceived' | 'currency' | 'checkoutId'>

/** For the comparison: what is wrong with a charge, in one sentence; null when both say the same. */
export function chargeDifference(there: Told | null, here: PaymentRow | null): string | null {
  if (there === null) {
    if (here === null || here.captured === 0) return null
    return `checkout ${here.checkoutId} has paid ${money(here.captured, here.currency)} by ${here.intentId ?? 'no intent'}, which the provider does not have`
  }
  const charged = there.status === 'succeeded' && there.amountReceived > 0
  const took = `${there.id} has charged ${money(there.amountReceived, there.currency)}`
  if (here === null) {
    return charged
      ? `${took} for checkout ${there.checkoutId ?? 'of nobody'}, which has no payment here`
      : null
  }
  const { checkoutId, order, status, captured, currency } = here
  if (here.intentId !== null && here.intentId !== there.id) {
    return charged ? `${took} for checkout ${checkoutId}, whose intent is ${here.intentId}` : null
  }
  if (charged && status !== 'succeeded') {
    return `${took} for checkout ${checkoutId}, whose payment is ${status} here and whose order is ${order ?? 'missing'}`
  }
  if (!charged && status === 'succeeded') {
    return `checkout ${checkoutId} has paid ${money(captured, currency)}, and ${there.id} is ${there.status} at the provider`
  }
  if (charged && (captured !== there.amountReceived || currency !== there.currency)) {
    return `${took} for checkout ${checkoutId}, and ${money(captured, currency)} is noted here`
  }
  return null
}

/**
 * For the comparison: what is wrong with a refund, in one sentence; null when both say the same.
 * `checkoutId` is that of the charge.
 */
export function refundDifference(
  there: RefundThere | null,
  here: RefundRow | null,
  checkoutId: string,
): string | null {
  const of = `of checkout ${checkoutId}`
  if (there === null) {
    if (here === null || here.state !== 'succeeded') return null
    return `refund ${here.id} ${of} has given ${money(here.amount, here.currency)} back here, and the provider has no such refund`
  }
  const gives = `${there.id} ${of} gives ${money(there.amount, there.currency)} back`
  if (here === null) {
    return there.status === 'failed' ? null : `${gives} at the provider, and is no refund here`
  }
  if (here.amount !== there.amount || here.currency !== there.currency) {
    return `${gives} at the provider, and ${money(here.amount, here.currency)} is noted here`
  }
  return there.status === here.state
    ? null
    : `${gives}: it is ${there.status} at the provider and ${here.state} here`
}

const money = (amount: number, currency: string) => `${amount} ${currency}`
