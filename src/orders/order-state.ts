/**
 * The life of an order, from the press of Buy to delivery: every move that is legal, and who may cause it. Nothing
 * else says so; SQL asks by {@link before}. See order-words.ts for the words that buyers read.
 */
import { assert } from '../kernel/assert.ts'
import { AppError } from '../kernel/errors.ts'
import { defineTransitions } from '../kernel/transitions.ts'
import { type OrderState, type Outcome, orderWord } from './order-words.ts'

/**
 * Who moves an order. `owner`: the commit of a SKU's owner, or of the strategy in its place. `assembly`: who brings
 * the parts of an order over several SKUs together. `payment`: the confirm, and the provider's word. `sweep`: the
 * job that ends what is overdue. `late money`: a payment whose hold had expired. `refund`: money that is back.
 * `bank`: it returned such a refund.
 */
export type Cause =
  | 'owner'
  | 'assembly'
  | 'payment'
  | 'buyer'
  | 'seller'
  | 'sweep'
  | 'late money'
  | 'refund'
  | 'bank'

export interface Move {
  readonly by: Cause
  /** Null: the order begins so. */
  readonly from: OrderState | null
  readonly to: OrderState
  /** What is written as the outcome with this move; undefined: it stays. */
  readonly outcome?: Outcome
}

const move = (
  by: Cause,
  from: readonly (OrderState | null)[],
  to: OrderState,
  outcome?: Outcome,
): Move[] => from.map((state) => ({ by, from: state, to, ...(outcome ? { outcome } : {}) }))

const refundable = [
  ...(['paid', 'processing', 'shipped', 'delivered'] as const),
  ...(['expired', 'cancelled', 'payment_failed'] as const),
]

export const moves: readonly Move[] = [
  ...move('owner', [null], 'reserved'),
  ...move('owner', [null], 'rejected', 'rejected'),
  ...move('assembly', [null], 'assembling'),
  ...move('assembly', ['assembling'], 'reserved'),
  ...move('assembly', ['assembling'], 'rejected', 'rejected'),
  // The tombstone of a cancel that overtook its own reserve.
  ...move('buyer', [null], 'cancelled', 'cancelled'),
  ...move('buyer', ['assembling', 'reserved', 'paying'], 'cancelled', 'cancelled'),
  ...move('buyer', ['paid', 'processing'], 'cancelled'),
  ...move('payment', ['reserved'], 'paying'),
  // A card was declined, and the hold goes on.
  ...move('payment', ['paying'], 'reserved'),
  ...move('payment', ['reserved', 'paying'], 'paid', 'confirmed'),
  ...move('payment', ['reserved', 'paying'], 'payment_failed', 'payment_failed'),
  ...move('sweep', ['reserved', 'paying'], 'expired', 'expired'),
  ...move('late money', ['expired'], 'paid', 'confirmed'),
  ...move('seller', ['paid'], 'processing'),
  ...move('seller', ['processing'], 'shipped'),
  ...move('seller', ['shipped'], 'delivered'),
  ...move('refund', refundable, 'refunded'),
  ...refundable.flatMap((state) => move('bank', ['refunded'], state)),
]

/** The states from which `by` may move an order to `to`. @throws AssertionError where there are none. */
export function before(by: Cause, to: OrderState): readonly OrderState[] {
  const states = moves.flatMap((each) =>
    each.by === by && each.to === to && each.from !== null ? [each.from] : [],
  )
  assert(states.length > 0, `${by} moves no order to ${to}`)
  return states
}

export function canMove(by: Cause, from: OrderState, to: OrderState): boolean {
  return moves.some((each) => each.by === by && each.from === from && each.to === to)
}

/** @throws AppError `invalid_transition` when the table does not allow it. */
export function checkMove(by: Cause, from: OrderState, to: OrderState): void {
  if (canMove(by, from, to)) return
  throw new AppError(
    'invalid_transition',
    `An order that is ${orderWord(from) ?? from} cannot become ${orderWord(to) ?? to}.`,
  )
}

/** What a seller may move lines to. */
export const sellerMoves = ['processing', 'shipped', 'delivered'] as const
export type SellerMove = (typeof sellerMoves)[number]

/** How a seller moves the lines that are theirs, in the words that are shown of lines. */
export const lineMoves = defineTransitions('An order', {
  awaiting_payment: [],
  paid: ['processing'],
  processing: ['shipped'],
  shipped: ['delivered'],
  delivered: [],
  expired: [],
  cancelled: [],
  refunded: [],
})

const progress: readonly string[] = ['paid', ...sellerMoves]

/** The state of an order whose lines are paid for: that of the line that is least advanced. */
export function leastAdvanced(lines: readonly string[]): 'paid' | SellerMove {
  const least = Math.min(...lines.map((word) => progress.indexOf(word)))
  assert(least >= 0, `lines that are ${lines.join(', ')} have no progress`)
  return sellerMoves[least - 1] ?? 'paid'
}
