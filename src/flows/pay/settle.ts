/**
 * The one place where the provider's word becomes a fact. Called by confirm, by webhooks and by the
 * reconciler, any number of times, in any order: each fact is settled once.
 */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { lockOrder } from '../../orders/order-repository.ts'
import { mayMove } from '../../orders/order-sql.ts'
import type { IntentFacts } from '../../payments/gateway.ts'
import { closePayment, findPayment, flagPayment } from '../../payments/payment-repository.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import { sql } from '../../platform/postgres/pool.ts'
import { PermanentFailure } from '../../platform/retries.ts'
import type { StockCommand } from '../../stock/protocol/messages.ts'
import { compensate } from './compensate.ts'
import { settleLateMoney } from './late-money.ts'
import { attemptsMax, type MoneyDeps } from './money-deps.ts'
import { type PaidFacts, settlePaid } from './settle-paid.ts'
import type { Settlement, Verdict } from './settlement.ts'

/**
 * Thrown by {@link settlePayment}, and nothing is settled: the provider contradicts the order, and
 * will at the next look. If the intent is the checkout's own, the payment is flagged for an
 * operator. Confirm passes it on, and the API answers 500; an event that meets it is parked.
 */
export class PaymentMismatch extends PermanentFailure {
  override name = 'PaymentMismatch'
}

/**
 * For charges, cancels and events: settles a verdict on the checkout's intent. `attempt` is the one
 * just asked for, from 1; null when nobody knows: a decline is then believed only of one that waits
 * for the buyer. @throws PaymentMismatch for another intent, amount or currency; Error while the
 * intent is not noted yet; AppError overloaded; PostgreSQL's errors.
 */
export async function settlePayment(
  deps: MoneyDeps,
  checkoutId: string,
  verdict: Verdict,
  attempt: number | null,
): Promise<Settlement> {
  const { intent } = verdict
  if (verdict.tag === 'succeeded') return settleSuccess(deps, checkoutId, intent)
  await checkOurs(deps, checkoutId, intent)
  switch (verdict.tag) {
    case 'declined':
      return settleDecline(deps, checkoutId, verdict.declineCode, attempt)
    case 'requires_action':
      await deps.pool.query(sql.typeAlias('none')`
        update payment_attempts set state = 'requires_action', client_secret = ${intent.clientSecret}
         where checkout_id = ${checkoutId} and state = 'pending'
           and attempt = coalesce(${attempt}, attempt)`)
      return { tag: 'requires_action', clientSecret: intent.clientSecret }
    case 'processing':
      return { tag: 'processing' }
    case 'canceled':
      return settleCanceled(deps, checkoutId, intent.id)
  }
}

/**
 * For {@link settlePayment} and for what costs nothing: as {@link settlePaid}, and posts what sells
 * the units, without waiting for it. True when it changed something. Rejects with AppError
 * overloaded when too many wait, and with PostgreSQL's errors.
 */
export async function confirmPaid(
  { pool, strategy }: MoneyDeps,
  checkoutId: string,
  facts: PaidFacts,
): Promise<boolean> {
  const commands = await settlePaid(pool, checkoutId, facts)
  if (commands) void strategy.post(commands)
  return commands !== null
}

async function settleSuccess(
  deps: MoneyDeps,
  checkoutId: string,
  intent: IntentFacts,
): Promise<Settlement> {
  if (await confirmPaid(deps, checkoutId, intent)) return { tag: 'confirmed' }
  const payment = await checkOurs(deps, checkoutId, intent)
  return payment.status === 'succeeded'
    ? { tag: 'unchanged' }
    : settleLateMoney(deps, checkoutId, intent)
}

/**
 * Throws, and makes an operator look, unless the intent is the checkout's own and fits the order.
 */
async function checkOurs({ pool, log }: MoneyDeps, checkoutId: string, intent: IntentFacts) {
  const payment = await findPayment(pool, checkoutId)
  if (payment === null || payment.intentId === null) {
    throw new Error(`intent ${intent.id} of checkout ${checkoutId} is not known yet`)
  }
  const wrong =
    payment.intentId !== intent.id
      ? `the checkout's intent is ${payment.intentId}`
      : intent.amount !== payment.amount || intent.currency !== payment.currency
        ? `it is over ${intent.amount} ${intent.currency}, the order over ${payment.amount} ${payment.currency}`
        : intent.status === 'succeeded' && intent.amountReceived !== payment.amount
          ? `${intent.amountReceived} ${intent.currency} of ${payment.amount} were received`
          : null
  if (wrong === null) return payment
  const mismatch = new PaymentMismatch(`intent ${intent.id} of checkout ${checkoutId}: ${wrong}`)
  if (payment.intentId === intent.id) await flagPayment(pool, checkoutId, mismatch.message)
  log.error(
    { err: mismatch, checkoutId, intentId: intent.id },
    'a payment does not fit its order; nothing is settled, and the payment is flagged for an operator',
  )
  throw mismatch
}

const Declined = z.object({ declines: z.number(), attempts: z.number() })

async function settleDecline(
  deps: MoneyDeps,
  checkoutId: string,
  declineCode: string,
  attempt: number | null,
): Promise<Settlement> {
  const { declinesMax } = deps
  return inTransaction<Settlement>(deps, async (tx) => {
    const order = await lockOrder(tx, checkoutId)
    const settled = await tx.maybeOne(sql.typeAlias('id')`
      update payment_attempts set state = 'declined', decline_code = ${declineCode}, settled_at = now()
       where checkout_id = ${checkoutId}
         and (attempt = ${attempt} and state in ('pending', 'requires_action')
           or ${attempt}::int is null and state = 'requires_action')
      returning checkout_id as id`)
    if (!settled) return [{ tag: 'unchanged' }, []]
    const { declines, attempts } = await tx.one(sql.type(Declined)`
      select count(*) filter (where state = 'declined') as declines, count(*) as attempts
        from payment_attempts where checkout_id = ${checkoutId}`)
    const attemptsLeft = Math.max(0, Math.min(declinesMax - declines, attemptsMax - attempts))
    const outcome = { tag: 'declined', declineCode, attemptsLeft } as const
    if (order?.state !== 'paying') return [outcome, []]
    if (attemptsLeft > 0) {
      await reserveAgain(tx, checkoutId)
      return [outcome, []]
    }
    return [outcome, await failCheckout(tx, checkoutId, 'declined', declineCode)]
  })
}

async function settleCanceled(
  deps: MoneyDeps,
  checkoutId: string,
  intentId: string,
): Promise<Settlement> {
  return inTransaction<Settlement>(deps, async (tx) => {
    const order = await lockOrder(tx, checkoutId)
    if (!(await closePayment(tx, checkoutId, intentId))) return [{ tag: 'unchanged' }, []]
    const live = order?.state === 'paying' || order?.state === 'reserved'
    // One intent for life: without it this checkout can never be paid.
    const commands = live
      ? await failCheckout(tx, checkoutId, 'canceled by the payment provider', null)
      : []
    return [{ tag: 'canceled' }, commands]
  })
}

/**
 * For {@link chargeAndSettle}, when the provider refused to make the attempt. The checkout keeps
 * its hold for another, or fails after {@link attemptsMax}. `why` is stored with it, up to 100
 * characters. False when the attempt has a verdict. Rejects with PostgreSQL's errors.
 */
export async function abandonAttempt(
  deps: MoneyDeps,
  checkoutId: string,
  attempt: number,
  why: string,
): Promise<boolean> {
  return inTransaction(deps, async (tx) => {
    const order = await lockOrder(tx, checkoutId)
    const abandoned = await tx.query(sql.typeAlias('none')`
      update payment_attempts set state = 'abandoned', decline_code = ${why.slice(0, 100)}, settled_at = now()
       where checkout_id = ${checkoutId} and attempt = ${attempt} and state = 'pending'`)
    if (abandoned.rowCount === 0) return [false, []]
    if (order?.state !== 'paying') return [true, []]
    if (attempt < attemptsMax) await reserveAgain(tx, checkoutId)
    const commands =
      attempt < attemptsMax ? [] : await failCheckout(tx, checkoutId, 'too many attempts', null)
    return [true, commands]
  })
}

/**
 * For {@link chargeAndSettle} with PAYMENT_OUTAGE=release: the provider cannot be reached, and the
 * units go back at once. The attempt stays without a verdict; the reconciler cancels it, or refunds
 * what turns out to have been charged. False when it was settled meanwhile. Rejects with
 * PostgreSQL's errors.
 */
export async function giveUpOnProvider(deps: MoneyDeps, checkoutId: string): Promise<boolean> {
  return inTransaction(deps, async (tx) => {
    const order = await lockOrder(tx, checkoutId)
    if (order?.state !== 'paying') return [false, []]
    return [true, await failCheckout(tx, checkoutId, 'payment provider unreachable', null)]
  })
}

/**
 * For declines, cancelled intents and {@link failHold}: ends an order whose row `tx` has locked and
 * that can be paid no more, and tells its buyer. Returns the commands to post after the commit.
 * Rejects with PostgreSQL's errors, which roll `tx` back.
 */
export async function failCheckout(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  reason: string,
  declineCode: string | null,
): Promise<StockCommand[]> {
  await tx.query(sql.typeAlias('none')`
    update orders o set state = 'payment_failed', outcome = 'payment_failed', reason = ${reason}
     where o.id = ${checkoutId} and ${mayMove('o', 'payment', 'payment_failed')}`)
  await appendOutbox(tx, 'payment.failed', checkoutId, { orderId: checkoutId, reason, declineCode })
  return compensate(tx, [checkoutId], { order: 'cancelled', reason: `payment failed: ${reason}` })
}

async function reserveAgain(tx: DatabaseTransactionConnection, checkoutId: string): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    update orders o set state = 'reserved'
     where o.id = ${checkoutId} and ${mayMove('o', 'payment', 'reserved')}`)
}

/**
 * For the payment flows: runs the transaction, then posts the commands that it wrote; returns its
 * outcome. Rejects with PostgreSQL's errors, and with those of `run`, which roll back; posting
 * never rejects.
 */
export async function inTransaction<T>(
  { pool, strategy }: Pick<MoneyDeps, 'pool' | 'strategy'>,
  run: (tx: DatabaseTransactionConnection) => Promise<[T, readonly StockCommand[]]>,
): Promise<T> {
  const [outcome, commands] = await pool.transaction(run)
  if (commands.length > 0) await strategy.post(commands)
  return outcome
}
