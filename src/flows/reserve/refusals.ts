/** What the gate's refusals are called outside. One table for all strategies. */
import { currencyOf, formatMoney } from '../../kernel/currency.ts'
import type { GateOutcome } from '../../stock/gate/gate.ts'
import { type Refusal, refused } from './strategy.ts'

type Refusing = Exclude<GateOutcome, { tag: 'granted' | 'repeated' }>

/**
 * For the strategy `actor`: what a buyer is answered when the gate says no to a SKU. A gate that is
 * full or away is `overloaded`: the same key may be sent again. Never throws.
 */
export function refusalOf(sku: string, outcome: Refusing): Refusal {
  switch (outcome.tag) {
    case 'sold_out':
      return soldOut(sku, outcome.unitsLeft)
    case 'over_limit':
      return overLimit(sku, outcome.limit)
    case 'not_open':
      return notOpen(sku, new Date(outcome.startsAtMs))
    case 'ended':
      return ended(sku)
    case 'unpayable':
      return unpayable(sku, outcome.payable)
    case 'full':
      return overloaded('Too many checkouts wait for their commit. Try again in a second.')
    case 'unknown_sku':
      return unknownSku(sku)
    case 'unavailable':
      return overloaded('The gate cannot answer now. Send the same key again; that is safe.')
  }
}

/**
 * For strategies: the refusal `sold_out`, with the units that are left; below zero counts as none.
 * Never throws.
 */
export const soldOut = (sku: string, unitsLeft: number): Refusal =>
  refused(
    'sold_out',
    unitsLeft > 0 ? `${sku} has only ${unitsLeft} left.` : `${sku} is sold out.`,
    { members: { sku, available: Math.max(0, unitsLeft) } },
  )

/**
 * For strategies: the refusal `purchase_limit`, with the units that each customer may have. Never
 * throws.
 */
export const overLimit = (sku: string, limit: number): Refusal =>
  refused('purchase_limit', `The limit for each customer is ${limit} of ${sku}.`, {
    members: { sku, limit },
  })

/**
 * For strategies: the refusal `sale_not_open`, with the time when the sale opens. Throws RangeError
 * for an invalid date only.
 */
export const notOpen = (sku: string, startsAt: Date): Refusal =>
  refused('sale_not_open', `The sale of ${sku} opens at ${startsAt.toISOString()}.`, {
    members: { sku, startsAt: startsAt.toISOString() },
  })

/** For strategies: the refusal `sale_ended`. Never throws. */
export const ended = (sku: string): Refusal =>
  refused('sale_ended', `The sale of ${sku} has ended.`, { members: { sku } })

/**
 * The refusal `validation_failed` of a line that no payment can pay for, with the units that one
 * payment can take: 0 when not even one of them has a price that can be charged.
 */
export const unpayable = (sku: string, payable: number): Refusal =>
  atItems(
    payable > 0
      ? `One payment can take at most ${payable} of ${sku}`
      : `Nobody can pay for ${sku}: its seller must give it a price that can be charged`,
    { sku, payable },
  )

/** The refusal `validation_failed` of a checkout whose total, in minor units, no payment can take. */
export const totalTooLarge = (total: number, currency: string): Refusal => {
  const most = formatMoney(currencyOf(currency)?.most ?? 0, currency)
  return atItems(
    `The total is ${formatMoney(total, currency)}, and one payment takes at most ${most}`,
  )
}

function atItems(
  message: string,
  members: Readonly<Record<string, string | number>> = {},
): Refusal {
  return refused('validation_failed', `${message}.`, {
    errors: [{ path: 'items', message }],
    members,
  })
}

/**
 * For strategies and sellers' changes: the refusal `not_found`, for a SKU that does not exist or is
 * not sold any more. Never throws.
 */
export const unknownSku = (sku: string): Refusal =>
  refused('not_found', `There is no SKU ${sku}.`, { members: { sku } })

/**
 * For strategies: the refusal `overloaded`: try again in a second. `detail` tells the client what
 * is safe. Never throws.
 */
export const overloaded = (detail: string): Refusal =>
  refused('overloaded', detail, { retryAfterSeconds: 1 })
