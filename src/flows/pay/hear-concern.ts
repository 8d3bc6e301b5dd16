/** What somebody else has about a payment becomes a row beside its order, and news for who must act. */
import type { DatabaseTransactionConnection } from 'slonik'
import { lockOrder } from '../../orders/order-repository.ts'
import { type ConcernFacts, concernFactsOf } from '../../payments/concern-facts.ts'
import { bankHasMoney, knownConcern, putConcern } from '../../payments/concerns.ts'
import type { ConcernEvent } from '../../payments/event-types.ts'
import { requestRefund } from '../../payments/refunds.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import { sql } from '../../platform/postgres/pool.ts'
import { PermanentFailure } from '../../platform/retries.ts'
import { isNewer, meaningOf, newsOf, owesAll } from './money/decide-concern.ts'
import type { MoneyDeps } from './money-deps.ts'
import { unnotedIntent } from './unnoted-intent.ts'

/** Somebody who has to act is to be told of a concern. The key is its id and what it is. */
export const concernTopic = 'payment.concern'

type ConcernDeps = Pick<MoneyDeps, 'store' | 'pool' | 'gateway'>

/**
 * For the handler of events: keeps what is newest of a dispute, an early fraud warning or a review.
 * `ignored`: the payment is none of this shop's. @throws PermanentFailure for an event that cannot be read,
 * ProviderAway when asking whose payment it is gets no answer; else PostgreSQL's errors.
 */
export async function hearConcern(
  deps: ConcernDeps,
  event: ConcernEvent,
): Promise<'processed' | 'ignored'> {
  const facts = concernFactsOf(event)
  if (facts === null) throw new PermanentFailure(`event ${event.id} carries no object of its type`)
  if (facts.intentId === null) return 'ignored'
  const checkoutId = await checkoutOf(deps, facts.intentId)
  if (checkoutId === null) return 'ignored'
  await deps.pool.transaction((tx) => note(tx, checkoutId, facts))
  return 'processed'
}

async function checkoutOf(deps: ConcernDeps, intentId: string): Promise<string | null> {
  const known = await deps.store.byIntent(intentId)
  if (known) return known.checkoutId
  const payment = (await unnotedIntent(deps, intentId))?.payment
  return payment && (payment.intentId ?? intentId) === intentId ? payment.checkoutId : null
}

/** The order's row first, as everybody does who ships, cancels or refunds it. */
async function note(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  facts: ConcernFacts,
): Promise<void> {
  const order = await lockOrder(tx, checkoutId)
  const known = await knownConcern(tx, facts.id)
  const meaning = meaningOf(facts, known?.cleared ?? false)
  const age = { ...meaning, toldAt: facts.toldAt, movements: facts.movements }
  if (known && !isNewer(age, known)) return
  await putConcern(tx, { ...facts, ...meaning, checkoutId })
  const news = newsOf(facts.kind, meaning)
  if (news) {
    const payload = { orderId: checkoutId, concernId: facts.id, news }
    await appendOutbox(tx, concernTopic, `${facts.id}:${news}`, payload)
  }
  if (facts.status === 'won') await askForOwed(tx, checkoutId, order?.state ?? null)
}

/** What was refused while the bank had the money. What still waits is asked for by the refunds' job. */
async function askForOwed(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
  state: Parameters<typeof owesAll>[0],
): Promise<void> {
  const reclaiming = await tx.exists(sql.typeAlias('none')`
    select from payments where checkout_id = ${checkoutId} and reclaiming_since is not null`)
  const gone = await tx.exists(sql.typeAlias('none')`
    select where ${bankHasMoney(sql.fragment`${checkoutId}::uuid`)}`)
  if (owesAll(state, reclaiming) && !gone) await requestRefund(tx, checkoutId, 'dispute won')
}
