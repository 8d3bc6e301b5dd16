/**
 * The words that people read of an order. What is stored is a state and an outcome; a checkout, its order and the
 * order's lines are each shown with one word, which comes from these two.
 *
 * | state                                | outcome        | checkout       | order            |
 * |--------------------------------------|----------------|----------------|------------------|
 * | assembling                           |                | queued         | (none yet)       |
 * | waiting                              |                | waiting        | (none yet)       |
 * | reserved                             |                | reserved       | awaiting_payment |
 * | paying                               |                | paying         | awaiting_payment |
 * | paid, processing, shipped, delivered | confirmed      | confirmed      | as the state     |
 * | cancelled                            | confirmed      | confirmed      | cancelled        |
 * | cancelled                            | cancelled      | cancelled      | cancelled        |
 * | expired                              | expired        | expired        | expired          |
 * | payment_failed                       | payment_failed | payment_failed | cancelled        |
 * | refunded                             | any            | the outcome    | refunded         |
 * | rejected, sold_out                   | as the state   | the outcome    | (none)           |
 *
 * Without a number there is no order to be shown: a tombstone is `cancelled` and has none.
 */
export const orderStates = [
  'assembling',
  'waiting',
  'reserved',
  'paying',
  'paid',
  'processing',
  'shipped',
  'delivered',
  'expired',
  'cancelled',
  'payment_failed',
  'refunded',
  'rejected',
  'sold_out',
] as const
export type OrderState = (typeof orderStates)[number]

/** How the checkout ended. Written once; late money that is honoured corrects it, to `confirmed`. */
export const outcomes = [
  'confirmed',
  'expired',
  'cancelled',
  'payment_failed',
  'rejected',
  'sold_out',
] as const
export type Outcome = (typeof outcomes)[number]

export const checkoutWords = [
  'queued',
  'waiting',
  'reserved',
  'paying',
  'confirmed',
  'expired',
  'cancelled',
  'payment_failed',
  'rejected',
  'sold_out',
] as const
export type CheckoutWord = (typeof checkoutWords)[number]

export const orderWords = [
  'awaiting_payment',
  'paid',
  'processing',
  'shipped',
  'delivered',
  'expired',
  'cancelled',
  'refunded',
] as const
export type OrderWord = (typeof orderWords)[number]

/** What the checkout of an order is called. */
export function checkoutWord(state: OrderState, outcome: Outcome | null): CheckoutWord {
  if (outcome !== null) return outcome
  return state === 'waiting' || state === 'reserved' || state === 'paying' ? state : 'queued'
}

/** What an order in this state is called; null while, or because, there is none to be shown. */
export function orderWord(state: OrderState): OrderWord | null {
  switch (state) {
    case 'reserved':
    case 'paying':
      return 'awaiting_payment'
    case 'payment_failed':
      return 'cancelled'
    case 'assembling':
    case 'waiting':
    case 'rejected':
    case 'sold_out':
      return null
    default:
      return state
  }
}

/** What became of a line beside its progress. */
export interface LineFate {
  /** Its order is refunded, and was cancelled before. */
  readonly cancelled: boolean
  /** All of its units came back after they were paid for. */
  readonly returned: boolean
}

/** What a line is called: as its order, until its seller has moved it. What was sent stays so, whatever money goes back. */
export function lineWord(
  state: OrderState,
  outcome: Outcome | null,
  progress: OrderWord | null,
  { cancelled, returned }: LineFate,
): OrderWord {
  const word = orderWord(state) ?? 'awaiting_payment'
  const sent = progress === 'shipped' || progress === 'delivered' ? progress : null
  // Money that went back changes the order, not what became of its lines before.
  if (word === 'refunded') {
    if (outcome === 'expired') return 'expired'
    return cancelled || outcome !== 'confirmed' ? 'cancelled' : (sent ?? 'refunded')
  }
  const kept = ['paid', 'processing', 'shipped', 'delivered'].includes(word)
  if (!kept) return word
  return returned ? (sent ?? 'refunded') : (progress ?? 'paid')
}
