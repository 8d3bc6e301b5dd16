import { closePayment, findPayment } from '../../payments/payment-repository.ts'
import { sql } from '../../platform/postgres/pool.ts'
import { PermanentFailure } from '../../platform/retries.ts'
import type { MoneyDeps } from './money-deps.ts'
import { settlePayment } from './settle.ts'

/** The provider did not answer; asking again is safe. */
export class ProviderAway extends Error {
  override name = 'ProviderAway'
}

/**
 * Sees to it that nothing more is charged for a checkout that has ended. A cancel that is refused because
 * the intent has succeeded is late money. What the bank is still working on is left to the reconciler.
 * @throws ProviderAway when the provider does not answer.
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
