/** A worker: the real jobs of money, each as often as in production, and the relays of events and of the outbox. */
import type { Stripe } from 'stripe'
import { cancelIntent } from '../../../src/flows/pay/cancel-intent.ts'
import { expireHolds } from '../../../src/flows/pay/expire-holds.ts'
import { handleStripeEvent } from '../../../src/flows/pay/handle-event.ts'
import type { MoneyDeps } from '../../../src/flows/pay/money-deps.ts'
import { PaymentQueue } from '../../../src/flows/pay/payment-queue.ts'
import { reconcilePayments, resumeReclaims } from '../../../src/flows/pay/resume.ts'
import { runRefunds } from '../../../src/flows/pay/run-refunds.ts'
import { settleNews, settlePayment } from '../../../src/flows/pay/settle.ts'
import { chargeOf, factsOf } from '../../../src/payments/stripe-words.ts'
import { defaultRetries, failureOf } from '../../../src/platform/retries.ts'
import type { SimProcess } from '../sim-process.ts'
import { dueRefunds, failedRefundsDue } from '../stores/memory-refunds.ts'
import { hasDue, type MemoryRelay, type RelayRow } from './memory-relay.ts'
import type { InboxRow, MoneyStage } from './money-stage.ts'

interface Job {
  readonly name: string
  readonly everyMs: number
  /** Whether a run would find something: one that finds nothing is left out, as it changes nothing. */
  readonly due: () => boolean
  readonly run: () => Promise<unknown>
}

const tickMs = 1_000
const perClaim = 10

export class MoneyWorker {
  readonly process: SimProcess
  readonly #stage: MoneyStage
  readonly #money: MoneyDeps
  readonly #queue: PaymentQueue

  constructor(stage: MoneyStage, name: string) {
    this.#stage = stage
    this.process = stage.process(name)
    this.#money = stage.moneyOf(this.process)
    this.#queue = new PaymentQueue({ ...this.#money, budget: stage.budget })
    void this.#work([...this.#jobs(), ...this.#relays()])
  }

  async #work(jobs: readonly Job[]): Promise<void> {
    const { clock } = this.process
    const { random, story } = this.#stage
    const running = new Set<string>()
    const next = new Map(jobs.map(({ name, everyMs }) => [name, random.next() * everyMs]))
    for (;;) {
      const now = clock.monotonic()
      for (const { name, everyMs, due, run } of jobs) {
        if (running.has(name) || now < (next.get(name) ?? 0)) continue
        next.set(name, now + everyMs)
        if (!due()) continue
        running.add(name)
        run()
          .catch((error: unknown) => story.note(this.process.name, name, error))
          .finally(() => running.delete(name))
      }
      await clock.sleep(tickMs * (0.5 + random.next()))
    }
  }

  #jobs(): Job[] {
    const money = this.#money
    const { store, tables, now, mutants } = this.#stage
    const open = () => [...tables.openAttempts()]
    const waits = () => open().some(({ state }) => state === 'waiting')
    const overdue = () =>
      open().some(
        ({ state, leasedUntilMs }) =>
          state !== 'waiting' && (leasedUntilMs <= now() || mutants.leasedTaken),
      )
    const reclaims = () =>
      [...tables.payments.values()].some(({ reclaimingSinceMs }) => reclaimingSinceMs !== null)
    return [
      {
        ...{ name: 'sweep', everyMs: 5_000, due: () => store.dueHolds().length > 0 },
        run: () => expireHolds(money),
      },
      {
        ...{ name: 'refunds', everyMs: 2_000 },
        due: () => dueRefunds(tables, 1).length + failedRefundsDue(tables, 1).length > 0,
        run: () => runRefunds(money),
      },
      { name: 'reclaims', everyMs: 5_000, due: reclaims, run: () => resumeReclaims(money) },
      { name: 'drive', everyMs: 2_000, due: waits, run: () => this.#queue.drain(60_000) },
      {
        ...{ name: 'reconcile', everyMs: 5_000, due: overdue },
        run: async () => (mutants.answersForgotten ? 0 : reconcilePayments(money)),
      },
    ]
  }

  #relays(): Job[] {
    const stage = this.#stage
    const inbox = stage.inboxOf(this.process)
    const outbox = stage.outboxOf(this.process)
    return [
      {
        ...{ name: 'inbox', everyMs: 500, due: () => hasDue(stage.inbox, stage.now()) },
        run: () => this.#relay(inbox, (row) => this.#hear(row)),
      },
      {
        ...{ name: 'outbox', everyMs: 500, due: () => hasDue(stage.outboxRows(), stage.now()) },
        run: () => this.#relay(outbox, ({ key }) => this.#close(key)),
      },
    ]
  }

  async #relay<Row extends RelayRow>(
    relay: MemoryRelay<Row>,
    handle: (row: Row) => Promise<unknown>,
  ): Promise<void> {
    for (const { id, row, attempts } of await relay.claim(perClaim)) {
      try {
        await handle(row)
      } catch (error) {
        this.#stage.story.note(this.process.name, 'tries again later', id, error)
        const failure = failureOf(error, attempts, defaultRetries, this.#stage.random.next)
        await relay.fail(id, failure.retryInMs)
        continue
      }
      await relay.end(id)
    }
  }

  async #hear({ event }: InboxRow): Promise<unknown> {
    const { mutants } = this.#stage
    const told = event as Stripe.Event
    if (mutants.declinesBelieved && told.type === 'payment_intent.payment_failed') {
      return this.#believe(told.data.object)
    }
    if (mutants.answersForgotten && told.type.startsWith('payment_intent.')) {
      const { id } = told.data.object as Stripe.PaymentIntent
      if ((await this.#money.store.byIntent(id)) === null) return null
    }
    return this.#isForgotten(told) ? null : handleStripeEvent(this.#money, told)
  }

  /** What nobody hears of under a mutant. */
  #isForgotten({ type, data: { object } }: Stripe.Event): boolean {
    const { othersIgnored, failuresForgotten } = this.#stage.mutants
    const { status, metadata } = object as Partial<Stripe.Refund>
    if (failuresForgotten && type.startsWith('refund.')) return status === 'failed'
    if (!othersIgnored || type.startsWith('payment_intent.')) return false
    return type === 'charge.refunded' || metadata?.refundId === undefined
  }

  async #believe(object: Stripe.PaymentIntent): Promise<unknown> {
    const facts = factsOf(object)
    const open = await this.#money.store.open(facts.checkoutId ?? '')
    const verdict = chargeOf(facts)
    if (!open || verdict.tag !== 'declined') return null
    return settlePayment(this.#money, open.checkoutId, verdict, open.attempt)
  }

  async #close(checkoutId: string): Promise<unknown> {
    if (this.#stage.mutants.answersForgotten) return null
    if (!this.#stage.mutants.keysUnburnt) return cancelIntent(this.#money, checkoutId)
    const payment = await this.#money.store.ended(checkoutId)
    if (payment?.intentId !== null) return cancelIntent(this.#money, checkoutId)
    return settleNews(this.#money, checkoutId, { tag: 'never charged' })
  }
}
