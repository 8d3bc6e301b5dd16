/**
 * The rules of money that goes back: what the provider's word about refunds means, whoever began them, and when money is
 * asked for again. Pure. Words come twice, late and in any order: a refund moves from `pending` to `succeeded` to
 * `failed` and never back, so that an old word changes nothing.
 */
import { canMove } from '../../../orders/order-state.ts'
import type { OrderState } from '../../../orders/order-words.ts'
import type { RefundFacts } from '../../../payments/gateway.ts'
import { askAgainIn, lookAgainIn } from '../../../payments/refund-schedule.ts'
import {
  counts,
  leftOf,
  type NewRefund,
  type RefundBook,
  type RefundChange,
  type RefundEntry,
  type RefundMove,
  type RefundState,
} from './refund-facts.ts'

const rank: Readonly<Record<RefundState, number>> = { pending: 0, succeeded: 1, failed: 2 }

/** What a word comes to. `stale`: it contradicts what is known, and all refunds of the intent have to be looked at. */
export interface HeardRefunds {
  readonly tag: 'heard' | 'stale'
  readonly change: RefundChange | null
}

/**
 * Decides what the provider's word about some refunds of a payment changes. One that no refund of the shop's waits for
 * was begun at the provider, and gets a row of its own. If it took what a pending one was to give back, that one gives
 * up as much: only so much is left. Never throws.
 */
export function hearRefunds(
  book: RefundBook,
  told: readonly RefundFacts[],
  freshId: () => string,
): HeardRefunds {
  const draft = new RefundDraft(book)
  for (const facts of told) {
    const known = draft.find(facts)
    if (known) draft.hear(known, facts)
    else draft.add(foreign(facts, freshId()))
  }
  if (!makeRoom(draft, told, freshId)) return { tag: 'stale', change: null }
  owe(draft, freshId)
  resume(draft)
  return { tag: 'heard', change: draft.change() }
}

function foreign({ id, amount, status }: RefundFacts, rowId: string): NewRefund {
  return {
    ...{ id: rowId, origin: 'provider', providerId: id, amount, state: status },
    reason: 'provider',
  }
}

/**
 * The provider gives back no more than was captured. So a refund of ours that it has not taken in cannot be carried out
 * as far as others have been faster: it ends, and what is left of it is asked for by another, whose key is new.
 */
function makeRoom(
  draft: RefundDraft,
  told: readonly RefundFacts[],
  freshId: () => string,
): boolean {
  const waiting = draft.refunds.filter(
    ({ origin, state, providerId, id }) =>
      origin === 'shop' &&
      state === 'pending' &&
      providerId === null &&
      !told.some(({ refundId }) => refundId === id),
  )
  const faster = draft.refunds.findLast(({ origin }) => origin === 'provider')
  for (let excess = draft.excess; excess > 0; excess = draft.excess) {
    const last = waiting.pop()
    if (!last || !faster) return false
    const left = last.amount - excess
    const next = left > 0 ? { ...again(last, freshId(), left), round: last.round } : null
    const error = 'somebody gave money back at the provider before'
    draft.move({ id: last.id, state: 'failed', error, nextId: next?.id ?? faster.id })
    if (next) draft.add(next)
  }
  return true
}

/** An order that will not be fulfilled is owed all of its money, also what somebody else could not give back. */
function owe(draft: RefundDraft, freshId: () => string): void {
  const state = draft.orderMove?.to ?? draft.book.order?.state
  const owed = state !== undefined && unfulfilled.includes(state) && !draft.payment?.reclaiming
  const left = leftOf(draft)
  if (!owed || left === 0 || !draft.foreignFailed) return
  const reason = state === 'cancelled' ? 'cancelled' : 'late'
  draft.add({ id: freshId(), origin: 'shop', amount: left, state: 'pending', reason })
}

/**
 * A refund of the shop's that failed was given up when somebody else had given back all that was left. Theirs has failed
 * as well, so its money is asked for again.
 */
function resume(draft: RefundDraft): void {
  if (!draft.foreignFailed) return
  for (const { id, origin, state, nextId, round } of draft.refunds) {
    const againIn = askAgainIn(round)
    const givenUp = origin === 'shop' && state === 'failed' && nextId === null
    if (givenUp && againIn !== null) draft.move({ id, againIn })
  }
}

const unfulfilled: readonly OrderState[] = ['cancelled', 'expired', 'payment_failed']

/** The same money once more: under another id, as the provider repeats its answer to a key that it knows. */
function again(
  { reason, note, sellerId, round, lines }: RefundEntry,
  id: string,
  amount: number,
): NewRefund {
  const asked = { reason, note, sellerId, round: round + 1 }
  // Their units went back with the first one, if they did.
  return {
    ...{ id, origin: 'shop', state: 'pending', amount, ...asked },
    lines: lines.map((line) => ({ ...line, back: 0 })),
  }
}

/**
 * Decides about a refund of the shop's that the provider will not make: an operator has to look. Null when it is not
 * pending any more. Never throws.
 */
export function refuseRefund(book: RefundBook, id: string, why: string): RefundChange | null {
  const draft = new RefundDraft(book)
  const known = draft.refunds.find((refund) => refund.id === id)
  if (known?.state !== 'pending') return null
  draft.move({ id, state: 'failed', error: why, againIn: null })
  return draft.change()
}

/**
 * Decides to ask for a failed refund's money once more: as much of it as is left. `by`: a job does, when it is due, or an
 * operator, at any time. Null when another one has taken its place, or nothing is left. Never throws.
 */
export function renewRefund(
  book: RefundBook,
  id: string,
  by: 'job' | 'operator',
  freshId: () => string,
): RefundChange | null {
  const draft = new RefundDraft(book)
  const failed = draft.refunds.find((refund) => refund.id === id)
  if (failed?.state !== 'failed' || failed.nextId !== null || failed.origin === 'provider') {
    return null
  }
  if (by === 'job' && !failed.due) return null
  const amount = Math.min(failed.amount, leftOf(draft))
  if (amount === 0) {
    if (by === 'operator') return null
    draft.move({ id, againIn: null })
    return draft.change()
  }
  const next = again(failed, freshId(), amount)
  draft.move({ id, againIn: null, nextId: next.id })
  draft.add(next)
  return draft.change()
}

/** A decision in the making: the refunds as they are by now, and the books of what changes. */
class RefundDraft {
  readonly book: RefundBook
  readonly refunds: RefundEntry[]
  foreignFailed = false
  readonly #moves: RefundMove[] = []
  readonly #written: NewRefund[] = []
  readonly #told: RefundChange['told'][number][] = []
  #refunded: number
  #flagged: string | null = null

  constructor(book: RefundBook) {
    this.book = book
    this.refunds = [...book.refunds]
    this.#refunded = book.payment?.refunded ?? 0
  }

  get payment(): RefundBook['payment'] {
    return this.book.payment
  }

  /** Minor units by which all refunds are more than was captured. */
  get excess(): number {
    const given = this.refunds.filter(counts).reduce((sum, { amount }) => sum + amount, 0)
    return given - (this.payment?.captured ?? 0)
  }

  /** The row of the provider's refund: by its id, else by the id of ours that waits for it. */
  find({ id, refundId, amount }: RefundFacts): RefundEntry | undefined {
    const waits = (refund: RefundEntry) =>
      refund.id === refundId &&
      refund.providerId === null &&
      refund.state === 'pending' &&
      refund.amount === amount
    return this.refunds.find(({ providerId }) => providerId === id) ?? this.refunds.find(waits)
  }

  hear(refund: RefundEntry, { id: providerId, status }: RefundFacts): void {
    const { id, origin, state, round } = refund
    if (status === 'pending' && state === 'pending') {
      const againIn = lookAgainIn(refund.takenSeconds ?? 0)
      this.move({ id, providerId, error: null, againIn })
    }
    if (rank[status] <= rank[state]) return
    if (status === 'succeeded') {
      this.move({ id, state: status, providerId, error: null, againIn: null })
      this.#paidBack(refund)
      return
    }
    const againIn = origin === 'shop' ? askAgainIn(round) : null
    const error = `the provider could not carry out ${providerId}`
    this.move({ id, state: 'failed', providerId, error, againIn })
    if (origin === 'provider') this.foreignFailed = true
    else if (againIn === null) this.#flagged = error
    if (state === 'succeeded') this.#refunded -= refund.amount
  }

  move(move: RefundMove): void {
    this.#moves.push(move)
    const at = this.refunds.findIndex(({ id }) => id === move.id)
    const { state, providerId, nextId } = move
    const before = this.refunds[at] as RefundEntry
    this.refunds[at] = {
      ...before,
      state: state ?? before.state,
      providerId: providerId ?? before.providerId,
      nextId: nextId ?? before.nextId,
    }
  }

  add(fresh: NewRefund): void {
    const { providerId = null, note = null, sellerId = null, round = 0, lines = [] } = fresh
    const entry = { ...fresh, providerId, note, sellerId, round, lines }
    this.#written.push(fresh)
    this.refunds.push({ ...entry, takenSeconds: null, due: false, nextId: null })
    if (fresh.state === 'succeeded') this.#paidBack(fresh)
    if (fresh.state === 'failed') this.foreignFailed = true
  }

  #paidBack({ id, amount, reason }: NewRefund): void {
    this.#refunded += amount
    this.#told.push({ id, amount, reason })
  }

  /** What the order becomes: refunded when all money is back; what it was before when a bank returned some of it. */
  get orderMove(): RefundChange['order'] {
    const { order, payment } = this.book
    if (order === null || payment === null || this.#refunded === payment.refunded) return null
    const whole = this.#refunded === payment.captured
    if (whole && canMove('refund', order.state, 'refunded')) {
      return { by: 'refund', to: 'refunded', reason: this.#told.at(-1)?.reason ?? '' }
    }
    if (whole || order.state !== 'refunded' || order.before === null) return null
    return { by: 'bank', to: order.before, reason: 'the bank returned the refund' }
  }

  /** Null when nothing has changed. */
  change(): RefundChange | null {
    if (this.#moves.length === 0 && this.#written.length === 0) return null
    return {
      moves: this.#moves,
      written: this.#written,
      refunded: this.#refunded,
      order: this.orderMove,
      told: this.#told,
      flagged: this.#flagged,
      back: [],
    }
  }
}
