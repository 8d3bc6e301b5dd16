import { closePayment, findPayment } from '../../payments/payment-repository.ts'
import { sql } from '../../platform/postgres/pool.ts'
import { PermanentFailure } from '../../platform/retries.ts'
import type { MoneyDeps } from './money-deps.ts'
import { settlePayment } from './settle.ts'

/**
 * Thrown by {@link cancelIntent} and by the handler of events: the provider did not answer, and
 * asking again is safe. Outbox and inbox of webhooks try again later; confirm answers the buyer
 * `payment_unavailable`.
 */
export class ProviderAway extends Error {
  override name = 'ProviderAway'
}

/**
 * For the outbox and the reconciler: sees to it that nothing more is charged for a checkout that
 * has ended; an intent that has succeeded is late money. @throws ProviderAway without an answer,
 * PermanentFailure when the provider refuses, what {@link settlePayment} throws, and PostgreSQL's
 * errors.
 */
export async function cancelIntent(deps: MoneyDeps, checkoutId: string): Promise<void> {
  const { pool, gateway } = deps
  const ended = await pool.maybeOne(sql.typeAlias('id')`
    select id from orders where id = ${checkoutId} and outcome <> 'confirmed'`)
  const payment = ended && (await findPayment(pool, checkoutId))
  if (payment?.status !== 'open') return
  if (payment.intentId === null) {
    // An intent is noted before it is confirmed: what was never noted can never charge.
    if (await closePayment(pool, checkoutId, null)) return
    throw new ProviderAway(`the intent of checkout ${checkoutId} was noted just now`)
  }
  const answer = await gateway.cancelIntent(payment.intentId)
  if (answer.tag === 'unknown') throw new ProviderAway(answer.message)
  const intent = answer.intent
  if (intent?.status === 'canceled' || intent?.status === 'succeeded') {
    await settlePayment(deps, checkoutId, { tag: intent.status, intent }, null)
    return
  }
  if (intent === null) {
    throw new PermanentFailure(`${payment.intentId} cannot be cancelled: ${answer.tag}`)
  }
}
