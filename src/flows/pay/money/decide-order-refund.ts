/**
 * The rules of refunds that sellers and operators ask for: whose lines, how much money, which units. Pure.
 */
import { canMove, sellerMoves } from '../../../orders/order-state.ts'
import {
  counts,
  leftOf,
  type NewRefund,
  type RefundableLine,
  type RefundBook,
  type RefundChange,
  type RefundedLine,
} from './refund-facts.ts'

/** What is asked for. Without lines and amount: all that is left. */
export interface OrderRefund {
  /** Who asks: a seller for their own lines, an operator (null) for all. */
  readonly sellerId: string | null
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[] | null
  /** Minor units. */
  readonly amount: number | null
  /** Whether the units go back to the stock. */
  readonly restock: boolean
  readonly note: string
  readonly asked: NonNullable<NewRefund['asked']>
}

/**
 * What asking comes to. `too much`: more than is left. `no units`: it names no units that could go back. `not theirs`: a
 * line that the order does not have, or that is another seller's.
 */
export type DecidedRefund =
  | { readonly tag: 'asked'; readonly refund: NewRefund; readonly change: RefundChange }
  | { readonly tag: 'too much' | 'no units' | 'not theirs'; readonly change: null }

/**
 * Decides about a refund of an order that is paid for; one that has ended without that owes all of its money anyway.
 * A seller's refunds come to no more than their lines, all refunds of an order to no more than was captured. A unit is
 * refunded once, and returns to the stock once. Never throws.
 */
export function decideOrderRefund(
  book: RefundBook,
  request: OrderRefund,
  freshId: () => string,
): DecidedRefund {
  const { sellerId, restock, note, asked } = request
  const own = book.lines.filter((line) => sellerId === null || line.sellerId === sellerId)
  const left = paidFor(book) ? leftFor(book, own, sellerId) : 0
  if (request.lines?.some(({ sku }) => !own.some((line) => line.sku === sku))) {
    return { tag: 'not theirs', change: null }
  }
  const whole = request.lines === null && (request.amount === null || request.amount === left)
  const lines = whole ? restOf(book, own) : (request.lines ?? [])
  const named = lines.map(({ sku, quantity }) => lineOf(book, own, { sku, quantity, restock }))
  const worth = named.reduce((sum, { amount }) => sum + amount, 0)
  const amount = request.amount ?? (whole ? left : worth)
  const tooMany = named.some(({ units, sku }) => units > unitsLeft(book, own, sku))
  const over = request.lines !== null && amount > worth
  if (left === 0 || amount === 0 || amount > left || tooMany || over) {
    return { tag: 'too much', change: null }
  }
  if (restock && named.length === 0 && !whole) return { tag: 'no units', change: null }
  const refund: NewRefund = {
    ...{ id: freshId(), origin: 'shop', state: 'pending', amount, note, sellerId, asked },
    reason: sellerId === null ? 'operator' : 'seller',
    lines: shared(named, amount),
  }
  const back = named.flatMap(({ sku, back: units }) => (units > 0 ? [{ sku, units }] : []))
  return { tag: 'asked', refund, change: { ...nothingElse(book), written: [refund], back } }
}

const nothingElse = ({ payment }: RefundBook): RefundChange => ({
  ...{ moves: [], written: [], refunded: payment?.refunded ?? 0 },
  ...{ order: null, told: [], flagged: null, back: [] },
})

/** Of an order that will not be fulfilled, all money goes back by itself. */
function paidFor({ order, payment }: RefundBook): boolean {
  const kept: readonly string[] = ['paid', ...sellerMoves]
  return (
    order !== null &&
    payment?.status === 'succeeded' &&
    kept.includes(order.state) &&
    canMove('refund', order.state, 'refunded')
  )
}

/** What may still go back: of the order, and of a seller's lines. */
function leftFor(
  book: RefundBook,
  own: readonly RefundableLine[],
  sellerId: string | null,
): number {
  const all = leftOf(book)
  if (sellerId === null) return all
  const worth = own.reduce((sum, { quantity, unitPrice }) => sum + quantity * unitPrice, 0)
  const given = book.refunds.filter(counts).reduce((sum, refund) => {
    if (refund.sellerId !== null) return refund.sellerId === sellerId ? sum + refund.amount : sum
    return refund.lines
      .filter(({ sku }) => own.some((line) => line.sku === sku))
      .reduce((part, { amount }) => part + amount, sum)
  }, 0)
  return Math.max(0, Math.min(all, worth - given))
}

/** Units whose money has not gone back, and is not on its way. */
function unitsLeft(book: RefundBook, own: readonly RefundableLine[], sku: string): number {
  const refunded = book.refunds.filter(counts).flatMap(({ lines }) => lines)
  const gone = refunded.reduce((sum, line) => (line.sku === sku ? sum + line.units : sum), 0)
  return (own.find((line) => line.sku === sku)?.quantity ?? 0) - gone
}

function restOf(book: RefundBook, own: readonly RefundableLine[]) {
  return own
    .map(({ sku }) => ({ sku, quantity: unitsLeft(book, own, sku) }))
    .filter(({ quantity }) => quantity > 0)
}

/** With as many units back as have not gone back before: those of a refund that failed have, though its money has not. */
function lineOf(
  book: RefundBook,
  own: readonly RefundableLine[],
  { sku, quantity, restock }: { sku: string; quantity: number; restock: boolean },
): RefundedLine {
  const line = own.find((each) => each.sku === sku)
  const all = book.refunds.flatMap(({ lines }) => lines).filter((each) => each.sku === sku)
  const away = (line?.quantity ?? 0) - all.reduce((sum, { back }) => sum + back, 0)
  const back = restock ? Math.max(0, Math.min(quantity, away)) : 0
  return { sku, units: quantity, back, amount: quantity * (line?.unitPrice ?? 0) }
}

/** The money over the lines, the first ones first: it may be less than they are worth. */
function shared(lines: readonly RefundedLine[], amount: number): RefundedLine[] {
  let left = amount
  return lines.map((line) => {
    const part = Math.min(line.amount, left)
    left -= part
    return { ...line, amount: part }
  })
}
