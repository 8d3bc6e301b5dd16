/** The life of an order, and of each of its lines. */
import { assert } from '../kernel/assert.ts'
import { defineTransitions } from '../kernel/transitions.ts'

export const orderMoves = defineTransitions('An order', {
  awaiting_payment: ['paid', 'expired', 'cancelled'],
  paid: ['processing', 'cancelled', 'refunded'],
  processing: ['shipped', 'cancelled', 'refunded'],
  shipped: ['delivered'],
  delivered: [],
  // Late money is honoured, or goes back.
  expired: ['paid', 'refunded'],
  cancelled: ['refunded'],
  refunded: [],
})

export type OrderStatus = (typeof orderMoves.states)[number]

/** What a seller may move lines to. */
export const sellerMoves = ['processing', 'shipped', 'delivered'] as const
export type SellerMove = (typeof sellerMoves)[number]

const progress: readonly OrderStatus[] = ['paid', ...sellerMoves]

/** The status of an order whose lines are paid for: that of the line that is least advanced. */
export function leastAdvanced(lines: readonly OrderStatus[]): OrderStatus {
  const least = Math.min(...lines.map((status) => progress.indexOf(status)))
  const status = progress[least]
  assert(status !== undefined, `lines that are ${lines.join(', ')} have no progress`)
  return status
}
