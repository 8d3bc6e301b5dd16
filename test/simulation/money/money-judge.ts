/** The guarantees about money. Knows none of the rules that decisions are made by: it compares shop and provider. */
import { askAgainIn } from '../../../src/payments/refund-schedule.ts'
import { isOpen, type MoneyLine, type OrderRow } from '../stores/money-tables.ts'
import type { MoneyBuyers } from './money-buyers.ts'
import type { MoneyStage } from './money-stage.ts'
import { keysOf } from './sim-gateway.ts'

/** A hold ends so long after its deadline, whatever its payment waits for. */
const sparedMs = 3_600_000 + 60_000
const paidFor: readonly string[] = ['paid', 'processing', 'shipped', 'delivered']

export class MoneyJudge {
  readonly breaches: string[] = []
  readonly #stage: MoneyStage
  readonly #buyers: MoneyBuyers

  /** When a payment of the checkout was last seen in processing. */
  readonly #atBankMs = new Map<string, number>()

  constructor(stage: MoneyStage, buyers: MoneyBuyers) {
    this.#stage = stage
    this.#buyers = buyers
  }

  /** At any moment. */
  look(): void {
    const { tables, provider, now, watch } = this.#stage
    this.breaches.push(...watch.breaches)
    for (const order of tables.orders.values()) {
      const { id, outcome, expiresAtMs, total } = order
      const net = provider.netOf(id)
      if (net > total) this.#breach(id, `its buyer has paid ${net} of ${total}`)
      // A debit may take days.
      const held = tables
        .attemptsOf(id)
        .some(({ state, processing }) => state === 'pending' && processing)
      if (held) this.#atBankMs.set(id, now())
      const dueMs = Math.max(expiresAtMs ?? 0, this.#atBankMs.get(id) ?? 0)
      const overdue = outcome === null && !held && dueMs + sparedMs < now()
      if (overdue) this.#breach(id, 'its hold does not end')
      if (tables.attemptsOf(id).filter(isOpen).length > 1) this.#breach(id, 'two attempts are open')
    }
    for (const [sku, { onHand, free }] of tables.units) {
      const taken = [...tables.lines.values()]
        .flat()
        .filter((line) => line.sku === sku && (line.stock === 'held' || line.stock === 'sold'))
      const gone = taken.reduce((sum, { units }) => sum + units, 0)
      if (free < 0 || free + gone !== onHand) {
        this.#breach(sku, `${free} free and ${gone} taken of ${onHand}`)
      }
    }
  }

  /** Why not everything has come to an end; null: it has. */
  get unrest(): string | null {
    const { tables, inbox, strays, provider } = this.#stage
    const orders = [...tables.orders.values()]
    const waits: Record<string, boolean> = {
      'buyers are on their way': this.#buyers.away > 0,
      'requests are on their way': strays > 0,
      'a hold has not ended': orders.some(({ outcome }) => outcome === null),
      'an attempt is open': [...tables.openAttempts()].length > 0,
      'a payment of an ended checkout is open': orders.some((order) => this.#isUnclosed(order)),
      'a refund is pending': [...tables.refunds.values()].some(({ state }) => state === 'pending'),
      'a refund is to be asked for again': [...tables.refunds.values()].some(
        ({ againAtMs }) => againAtMs !== null,
      ),
      'a bank will return a refund': provider.undecided > 0,
      'late money is undecided': [...tables.payments.values()].some(
        ({ reclaimingSinceMs }) => reclaimingSinceMs !== null,
      ),
      'an owner has something to do': tables.commands.some(({ done }) => !done),
      'an event waits': [...inbox.values()].some(({ state }) => state === 'open'),
      'the outbox waits': [...this.#stage.outboxRows()].some(([, { state }]) => state === 'open'),
      'a bank decides': [...provider.intents.values()].some(
        ({ atBank, status }) => atBank || status === 'processing',
      ),
    }
    return Object.entries(waits).find(([, is]) => is)?.[0] ?? null
  }

  /** In the end, when nothing happens any more. */
  close(): void {
    this.look()
    const { unrest } = this
    if (unrest !== null) this.#breach('in the end', unrest)
    for (const order of this.#stage.tables.orders.values()) this.#closeOrder(order)
    for (const { checkoutId, answers } of this.#buyers.diaries) {
      const order = this.#stage.tables.orders.get(checkoutId)
      const told = answers.some(({ tag }) => tag === 'confirmed')
      if (told && order?.outcome !== 'confirmed')
        this.#breach(checkoutId, 'its buyer was told it is paid')
    }
    this.#operators()
  }

  #closeOrder(order: OrderRow): void {
    const { provider, tables } = this.#stage
    const { id, state, total } = order
    const net = provider.netOf(id)
    const paid = paidFor.includes(state)
    const back = tables.payments.get(id)?.refunded ?? 0
    if (net !== (paid ? total - back : 0) || (paid && net === 0)) {
      this.#breach(id, `is ${state}, ${back} is known to be back, its buyer has paid ${net}`)
    }
    this.#closeRefunds(id)
    const own = provider.intentsOf(id).filter(({ strange }) => !strange)
    const charged = own.filter(({ received }) => received > 0)
    if (charged.length > 1) this.#breach(id, `was charged ${charged.length} times`)
    const live = own.filter(({ status }) => status === 'requires_action')
    if (live.length > 0) this.#breach(id, `is ${state}, and its buyer can still be charged`)
    const payment = tables.payments.get(id)
    const captured = charged[0]?.received ?? 0
    if ((payment?.captured ?? 0) !== captured) {
      this.#breach(id, `${captured} was charged, and ${payment?.captured ?? 0} is known`)
    }
    if (charged[0] && payment?.intentId !== charged[0].id)
      this.#breach(id, 'another intent is its own')
    for (const line of tables.linesOf(id)) {
      const sold = line.stock === 'sold' ? line.units : 0
      const left = this.#keptBy(order, line)
      if (sold !== left) {
        this.#breach(id, `is ${state}, and ${sold} of its units are sold, not ${left}`)
      }
    }
    this.#closeAttempts(order)
  }

  /** Units that the buyer of an order has: those that were paid for, and that no seller took back. */
  #keptBy({ id, state, outcome }: OrderRow, { sku, quantity }: MoneyLine): number {
    const { cancelled, takenBack } = this.#stage.shop
    const kept = paidFor.includes(state) || (state === 'refunded' && outcome === 'confirmed')
    return kept && !cancelled.has(id) ? quantity - (takenBack.get(`${id} ${sku}`) ?? 0) : 0
  }

  /** Every refund of the provider is known, as it is, whoever began it. */
  #closeRefunds(checkoutId: string): void {
    const { provider, tables } = this.#stage
    const own = provider.intentsOf(checkoutId).filter(({ strange }) => !strange)
    const made = [...provider.refunds.values()].filter(({ intentId }) =>
      own.some(({ id }) => id === intentId),
    )
    const rows = tables.refundsOf(checkoutId)
    for (const { id, status, amount } of made) {
      const row = rows.find(({ providerId }) => providerId === id)
      if (row?.state !== status || row.amount !== amount) {
        this.#breach(checkoutId, `${id} is ${status} over ${amount}, the shop has ${row?.state}`)
      }
    }
    for (const { id, state, providerId } of rows) {
      const known = made.some((each) => each.id === providerId)
      if (state === 'succeeded' && !known) this.#breach(id, 'has succeeded, and nobody made it')
    }
  }

  /** No attempt is declined that no bank has declined, and no hold ends for want of an answer that came. */
  #closeAttempts({ id, outcome, reason }: OrderRow): void {
    const { provider, tables, plan, unanswered } = this.#stage
    const attempts = tables.attemptsOf(id)
    const replaced = new Set(
      attempts.filter((each) => each.state === 'replaced').map((each) => each.paymentMethodId),
    )
    for (const { attempt, keyRound, state, paymentMethodId } of attempts) {
      const keys = keysOf(id, attempt, keyRound)
      const own = provider.visits.filter(({ key }) => keys.includes(key))
      const said = own.map(({ verdict }) => verdict)
      if (state === 'declined' && !said.includes('declined')) {
        this.#breach(id, `attempt ${attempt} is declined, and no bank has declined it`)
      }
      if (['abandoned', 'replaced'].includes(state) && said.includes('succeeded')) {
        this.#breach(id, `attempt ${attempt} is ${state}, and its bank has paid`)
      }
      const again = provider.visits.some(
        (visit) =>
          visit.checkoutId === id &&
          visit.method === paymentMethodId &&
          visit.verdict === 'succeeded',
      )
      // The same card may have been replaced before, and have paid then.
      const paid = said.includes('succeeded') || (replaced.has(paymentMethodId) && again)
      if (state === 'succeeded' && !paid) {
        this.#breach(id, `attempt ${attempt} has succeeded, and no bank has paid`)
      }
    }
    if (outcome !== 'payment_failed' || reason !== 'payment provider unreachable') return
    if (plan.outage === 'keep') this.#breach(id, 'ended in an outage, against the settings')
    if (!unanswered.has(id)) this.#breach(id, 'ended in an outage that was none')
  }

  /** Nothing of this has to bother an operator: but for money of strangers, the shop mends it itself. */
  #operators(): void {
    const { tables, inbox, provider } = this.#stage
    for (const row of tables.refunds.values()) {
      const { id, origin, state, nextId, checkoutId, lastError, round } = row
      // Its bank has returned it again and again: then somebody has to look.
      if (askAgainIn(round) === null && tables.payments.get(checkoutId)?.flagged) continue
      // What failed is asked for again, or there was nothing left to ask for.
      const left = provider.netOf(checkoutId)
      if (origin === 'shop' && state === 'failed' && nextId === null && left > 0) {
        this.#breach(id, `the refund failed: ${lastError}`)
      }
    }
    for (const { checkoutId, flagged } of tables.payments.values()) {
      const strange = provider.intents.get(flagged?.split(':')[0] ?? '')?.strange
      if (flagged !== null && !strange) this.#breach(checkoutId, `is flagged: ${flagged}`)
    }
    for (const [id, { state }] of this.#stage.outboxRows()) {
      if (state === 'parked') this.#breach(id, 'is parked')
    }
    for (const { state, event } of inbox.values()) {
      const { id } = event.data.object as { readonly id: string }
      if (state === 'parked' && !provider.intents.get(id)?.strange) this.#breach(id, 'is parked')
    }
  }

  #isUnclosed({ id, outcome }: OrderRow): boolean {
    return outcome !== null && this.#stage.tables.payments.get(id)?.status === 'open'
  }

  #breach(what: string, why: string): void {
    this.breaches.push(`${what}: ${why}`)
  }
}
