/** The port MoneyStore in memory: each verb does what its SQL in src/flows/pay/money does. */
import type { MoneyChange, MoneyFacts } from '../../../src/flows/pay/money/facts.ts'
import {
  type Attempt,
  type AttemptId,
  type BeginRequest,
  type GivenUp,
  type GiveUpRequest,
  type KnownPayment,
  leaseSeconds,
  type MoneyStore,
  type OpenAttempt,
  type PaidFacts,
  type PaymentView,
} from '../../../src/flows/pay/money/store.ts'
import { checkoutWord } from '../../../src/orders/order-words.ts'
import { cancelTopic } from '../../../src/platform/outbox.ts'
import type { StockCommand } from '../../../src/stock/protocol/messages.ts'
import type { MoneyMutants } from '../money/money-mutants.ts'
import { changeMoney } from './change-money.ts'
import { isSpared, knownOf, queueOf, viewOf } from './look-at-money.ts'
import { MemoryRefunds } from './memory-refunds.ts'
import {
  type AttemptRow,
  commandOf,
  isOpen,
  type MoneyTables,
  mayMove,
  newAttempt,
  newPayment,
  type OrderRow,
  tombstone,
} from './money-tables.ts'

const leaseMs = leaseSeconds * 1_000

/** Who looks on while attempts are taken over and holds end. */
export interface MoneyWatch {
  /** Somebody takes the attempt over, whose lease lasted until then. */
  onTaken(row: Readonly<AttemptRow>): void
  onExpire(order: Readonly<OrderRow>): void
}

const nobody: MoneyWatch = { onTaken: () => {}, onExpire: () => {} }

export class MemoryMoney extends MemoryRefunds implements MoneyStore {
  readonly #tables: MoneyTables
  readonly #mutants: MoneyMutants
  readonly #watch: MoneyWatch

  constructor(tables: MoneyTables, mutants: MoneyMutants = {}, watch: MoneyWatch = nobody) {
    super(tables)
    this.#tables = tables
    this.#mutants = mutants
    this.#watch = watch
  }

  get #now(): number {
    return this.#tables.now()
  }

  async begin(request: BeginRequest): Promise<Attempt | null> {
    const { checkoutId, buyerId, paymentMethodId, queue, details = null } = request
    const { orders, payments } = this.#tables
    const order = orders.get(checkoutId)
    const known = this.#tables.attemptsOf(checkoutId)
    const free = order && (mayMove(order, 'payment', 'paying') || this.#mutants.beginsTwice)
    if (!free || order.buyerId !== buyerId || !this.#isInTime(order)) return null
    if (known.some(isOpen) && !this.#mutants.beginsTwice) throw new Error('an attempt is open')
    order.state = 'paying'
    const { total: amount, currency } = order
    const payment = payments.get(checkoutId) ?? newPayment(checkoutId, amount, currency)
    payments.set(checkoutId, payment)
    const next = { checkoutId, attempt: known.length + 1, paymentMethodId, queue, details }
    const row = newAttempt(this.#tables, next)
    return { ...this.#attempt(row), again: false }
  }

  #isInTime({ expiresAtMs }: OrderRow): boolean {
    return expiresAtMs !== null && expiresAtMs > this.#now
  }

  async capture(checkoutId: string, facts: PaidFacts): Promise<StockCommand[] | null> {
    const { orders, payments } = this.#tables
    const order = orders.get(checkoutId)
    const payment = payments.get(checkoutId)
    if (!order || !mayMove(order, 'payment', 'paid') || payment?.status !== 'open') return null
    if (payment.replaced && !this.#mutants.lastCardCredited) return null
    const own =
      payment.intentId === null || payment.intentId === facts.id || this.#mutants.anyIntentCaptured
    const fits = [order.total, payment.amount, facts.amountReceived].every(
      (amount) => amount === facts.amount,
    )
    const inKind = [order.currency, payment.currency].every((each) => each === facts.currency)
    if (!own || !fits || !inKind) return null
    Object.assign(order, { state: 'paid', outcome: 'confirmed', reason: null })
    Object.assign(payment, { status: 'succeeded', captured: facts.amount, intentId: facts.id })
    const open = this.#tables.attemptsOf(checkoutId).filter(isOpen)
    for (const row of open) {
      const card = facts.card ?? row.card
      Object.assign(row, { state: 'succeeded', card, processing: false, details: null })
    }
    if (open.length === 0) this.#tables.tellHistory(checkoutId, 'awaiting_payment', 'paid')
    this.#tables.tell({ topic: 'order.paid', key: checkoutId, payload: { orderId: checkoutId } })
    const held = this.#tables.linesOf(checkoutId).filter(({ stock }) => stock === 'held')
    return this.#tables.write(held.map(({ sku }) => commandOf('sell', sku, checkoutId)))
  }

  async change<T extends { readonly change: MoneyChange | null }>(
    checkoutId: string,
    decide: (facts: MoneyFacts) => T,
  ): Promise<{ decided: T; commands: readonly StockCommand[] }> {
    const decided = decide(this.#tables.facts(checkoutId))
    const { change } = decided
    return { decided, commands: change ? changeMoney(this.#tables, checkoutId, change) : [] }
  }

  async byIntent(intentId: string): Promise<KnownPayment | null> {
    const row = [...this.#tables.payments.values()].find((each) => each.intentId === intentId)
    return row ? knownOf(row) : null
  }

  async payment(checkoutId: string): Promise<KnownPayment | null> {
    const row = this.#tables.payments.get(checkoutId)
    return row ? knownOf(row) : null
  }

  async ended(checkoutId: string): Promise<KnownPayment | null> {
    const row = this.#tables.payments.get(checkoutId)
    return row?.status === 'open' && this.#hasEnded(checkoutId, true) ? knownOf(row) : null
  }

  async open(checkoutId: string): Promise<OpenAttempt | null> {
    const row = this.#tables.attemptsOf(checkoutId).find(isOpen)
    return row ? this.#openAttempt(row) : null
  }

  async view(checkoutId: string, buyerId: string): Promise<PaymentView | null> {
    return viewOf(this.#tables, checkoutId, buyerId)
  }

  async countWaiting(max: number): Promise<number> {
    return queueOf(this.#tables).slice(0, max).length
  }

  async takeWaiting(max: number): Promise<Attempt[]> {
    const first = queueOf(this.#tables).slice(0, max)
    return first.map((row) => {
      const again = row.sentAtMs !== null
      row.state = 'pending'
      row.sentAtMs ??= this.#now
      row.leasedUntilMs = this.#now + leaseMs
      return { ...this.#attempt(row), again }
    })
  }

  async putBack(attempts: readonly AttemptId[]): Promise<void> {
    for (const row of this.#these(attempts)) if (row.state === 'pending') row.state = 'waiting'
  }

  async takeOverdue(max: number): Promise<OpenAttempt[]> {
    const overdue = [...this.#tables.openAttempts()]
      .filter(({ state }) => state !== 'waiting')
      .filter((row) => row.leasedUntilMs <= this.#now || this.#mutants.leasedTaken)
      .sort((a, b) => a.leasedUntilMs - b.leasedUntilMs)
      .slice(0, max)
    for (const row of overdue) {
      this.#watch.onTaken(row)
      row.leasedUntilMs = this.#now + leaseMs
    }
    return overdue.map((row) => this.#openAttempt(row))
  }

  async lease(attempts: readonly AttemptId[], seconds: number): Promise<void> {
    if (this.#mutants.leasesUnkept && seconds === 15) return
    for (const row of this.#these(attempts)) {
      if (row.state === 'pending' || row.state === 'requires_action') {
        row.leasedUntilMs = this.#now + seconds * 1_000
      }
    }
  }

  async leaveKey(attempt: AttemptId, keyRound: number): Promise<boolean> {
    const [row] = this.#these([attempt])
    if (row?.state !== 'pending' || row.keyRound !== keyRound) return false
    row.keyRound += 1
    return true
  }

  async reclaimedLines(checkoutId: string) {
    const waits = this.#tables.commands.some(
      (command) => command.checkoutId === checkoutId && command.kind === 'reclaim' && !command.done,
    )
    if (waits) return null
    return this.#tables
      .linesOf(checkoutId)
      .filter(({ units }) => units > 0)
      .map(({ sku, stock }) => ({
        sku,
        sold: stock === 'sold' || this.#mutants.reclaimsTrusted === true,
      }))
  }

  async overdueReclaims(seconds: number, max: number): Promise<readonly string[]> {
    return [...this.#tables.payments.values()]
      .flatMap(({ checkoutId, reclaimingSinceMs: since }) =>
        since !== null && since <= this.#now - seconds * 1_000 ? [{ checkoutId, since }] : [],
      )
      .sort((a, b) => a.since - b.since)
      .slice(0, max)
      .map(({ checkoutId }) => checkoutId)
  }

  async expireDue(max: number) {
    const due = this.dueHolds()
      .sort((a, b) => (a.expiresAtMs ?? 0) - (b.expiresAtMs ?? 0))
      .slice(0, max)
    const commands = due.flatMap((order) => {
      this.#watch.onExpire(order)
      this.#tables.tell({ topic: 'checkout.expired', key: order.id, payload: {} })
      return this.#end(order, 'expired')
    })
    return { count: due.length, commands }
  }

  async giveUp({ checkoutId, buyerId, alsoAtBank, bury }: GiveUpRequest): Promise<GivenUp> {
    const order = this.#tables.orders.get(checkoutId)
    const mine = order?.buyerId === buyerId ? order : null
    if (!mine) {
      if (!bury) return { tag: 'unknown' }
      if (!order) this.#tables.orders.set(checkoutId, tombstone(checkoutId, buyerId))
      return { tag: 'done', commands: [] }
    }
    const open = this.#tables.attemptsOf(checkoutId).find(isOpen)
    const atBank = alsoAtBank && mine.state === 'paying' && open?.state === 'requires_action'
    const status = checkoutWord(mine.state, mine.outcome)
    if ((status === 'paying' && !atBank) || status === 'confirmed') {
      return { tag: 'too late', status }
    }
    const from = atBank ? 'paying' : 'reserved'
    if (mine.state !== from) return { tag: 'done', commands: [] }
    this.#tables.tell({ topic: 'order.cancelled', key: checkoutId, payload: {} })
    mine.reason = 'by buyer'
    return { tag: 'done', commands: this.#end(mine, 'cancelled') }
  }

  #end(order: OrderRow, to: 'expired' | 'cancelled'): StockCommand[] {
    Object.assign(order, { state: to, outcome: to })
    const { id } = order
    if (this.#tables.payments.get(id)?.status === 'open') {
      this.#tables.tell({ topic: cancelTopic, key: id, payload: { checkoutId: id } })
    }
    this.#tables.tellHistory(id, 'awaiting_payment', to)
    return this.#tables.release(id)
  }

  dueHolds(): OrderRow[] {
    const { orders } = this.#tables
    return [...orders.values()].filter(
      (order) =>
        order.outcome === null &&
        mayMove(order, 'sweep', 'expired') &&
        (order.expiresAtMs ?? Number.POSITIVE_INFINITY) < this.#now &&
        (this.#mutants.sweepIgnoresLeases || !isSpared(this.#tables, order.id)),
    )
  }

  #hasEnded(checkoutId: string, unpaid: boolean): boolean {
    const outcome = this.#tables.orders.get(checkoutId)?.outcome ?? null
    return outcome !== null && !(unpaid && outcome === 'confirmed')
  }

  #these(attempts: readonly AttemptId[]): AttemptRow[] {
    return attempts.flatMap(({ checkoutId, attempt }) =>
      this.#tables.attemptsOf(checkoutId).filter((row) => row.attempt === attempt),
    )
  }

  #attempt(row: AttemptRow): Attempt {
    const { checkoutId, attempt, paymentMethodId, keyRound, sentAtMs, details } = row
    const buyerId = this.#tables.orders.get(checkoutId)?.buyerId ?? ''
    const payment = this.#tables.payments.get(checkoutId)
    return {
      ...{ checkoutId, attempt, paymentMethodId, keyRound, again: sentAtMs !== null },
      ...{ buyerId, orderNumber: null, details },
      intentId: payment?.intentId ?? null,
      amount: payment?.amount ?? 0,
      currency: payment?.currency ?? '',
      sentSecondsAgo: sentAtMs === null ? 0 : Math.round((this.#now - sentAtMs) / 1_000),
    }
  }

  #openAttempt(row: AttemptRow): OpenAttempt {
    const state = row.state as OpenAttempt['state']
    const { processing } = row
    return {
      ...this.#attempt(row),
      state,
      processing,
      ended: this.#hasEnded(row.checkoutId, false),
    }
  }
}
