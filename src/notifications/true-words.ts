/**
 * Which words are true of an order now. Pure. A mail is noted with its fact and sent later: what has changed
 * meanwhile changes the mail, or there is none, because another fact tells the newer truth.
 */
import type { OutboxPayload } from '../platform/outbox.ts'
import type { OrderFacts, RefundFacts } from './order-facts.ts'
import type { TemplateName } from './templates.ts'

/** What a mail about an order is noted for. */
export const orderMessages = [
  'order-confirmed',
  'payment-failed',
  'refunded',
  'refund-failed',
  'cancelled',
  'expired',
] as const
export type OrderMessage = (typeof orderMessages)[number]

const owned: readonly string[] = ['paid', 'processing', 'shipped', 'delivered']

/**
 * For the letters about orders: the text for a fact, or null when it is not true any more. `refund` is the one
 * that the fact names, null when there is no row of it. Never throws.
 */
export function trueTemplate(
  message: OrderMessage,
  payload: OutboxPayload,
  order: Pick<OrderFacts, 'state' | 'outcome' | 'payment'>,
  refund: RefundFacts | null,
): TemplateName | null {
  const { state, outcome } = order
  switch (message) {
    case 'order-confirmed':
      return owned.includes(state) ? message : null
    case 'payment-failed':
      if (outcome !== 'payment_failed') return null
      return payload.reason === 'declined' ? 'payment-declined' : message
    case 'cancelled':
      if (state !== 'cancelled' && state !== 'refunded') return null
      return payload.reason === 'by seller' ? 'cancelled-by-seller' : 'cancelled-by-buyer'
    case 'expired':
      // Late money that is honoured makes the order a paid one, and a mail of its own says so.
      return outcome === 'expired' ? message : null
    case 'refund-failed':
      return refund?.state === 'failed' ? message : null
    case 'refunded':
      return refund === null || refund.state === 'succeeded'
        ? refundTemplate(payload, order, refund)
        : null
  }
}

function refundTemplate(
  { amount: told, reason }: OutboxPayload,
  { outcome, payment }: Pick<OrderFacts, 'outcome' | 'payment'>,
  refund: RefundFacts | null,
): TemplateName {
  if (reason === 'late') return outcome === 'expired' ? 'refunded-sold-out' : 'refunded-late'
  const amount = refund?.amount ?? told
  const part = payment !== null && typeof amount === 'number' && amount < payment.captured
  return part ? 'refunded-part' : 'refunded-whole'
}

/** What became of the money of an order that is not to be delivered: one of these is true. */
export type MoneyWord =
  | 'notCharged'
  | 'underWay'
  | 'reclaiming'
  | 'goesBack'
  | 'isBack'
  | 'disputed'

export const moneyWords: readonly MoneyWord[] = [
  'notCharged',
  'underWay',
  'reclaiming',
  'goesBack',
  'isBack',
  'disputed',
]

/** For the letters about orders. Nobody is told "not charged" while a bank may still charge. Never throws. */
export function moneyWord(payment: OrderFacts['payment']): MoneyWord {
  if (payment === null) return 'notCharged'
  const { captured, refunded, underWay, reclaiming, bankHasMoney } = payment
  if (captured === 0) return underWay ? 'underWay' : 'notCharged'
  if (reclaiming) return 'reclaiming'
  if (refunded >= captured) return 'isBack'
  return bankHasMoney ? 'disputed' : 'goesBack'
}
