/** What the provider's events about refunds mean: of those that the shop asked for, and of those begun elsewhere. */
import type { Stripe } from 'stripe'
import { isUuid } from '../../kernel/ids.ts'
import type { RefundFacts } from '../../payments/gateway.ts'
import { intentIdOf } from '../../payments/stripe-words.ts'
import { counts } from './money/refund-facts.ts'
import type { MoneyDeps } from './money-deps.ts'
import { settlePayment } from './settle.ts'
import { lookAtRefunds, settleRefunds } from './settle-refund.ts'
import { unnotedIntent } from './unnoted-intent.ts'

/**
 * For the handler of events: settles a refund. What is told of one of the shop's own is a fact; after any other, the
 * provider is asked for all refunds of the intent, as events are lost and overtake each other. `ignored`: it is about
 * nothing of this shop's. @throws ProviderAway when asking gets no answer.
 */
export async function handleRefund(
  deps: MoneyDeps,
  facts: RefundFacts,
): Promise<'processed' | 'ignored'> {
  const { refundId, intentId } = facts
  const known = await deps.store.checkoutOfRefund(facts)
  if (known !== null && refundId !== null && isUuid(refundId)) {
    if (await settleRefunds(deps, known, [facts])) return 'processed'
  }
  if (intentId === null) return 'ignored'
  const checkoutId = known ?? (await adopted(deps, intentId))
  if (checkoutId === null) return 'ignored'
  return (await lookAtRefunds(deps, checkoutId, intentId)) ? 'processed' : 'ignored'
}

/**
 * As {@link handleRefund}, when something of a charge was given back: the event does not say by which refunds. Nobody is
 * asked when all of it is known.
 */
export async function handleCharge(
  deps: MoneyDeps,
  charge: Stripe.Charge,
): Promise<'processed' | 'ignored'> {
  const intentId = intentIdOf(charge)
  if (intentId === null) return 'ignored'
  const payment = await deps.store.byIntent(intentId)
  const checkoutId = payment?.checkoutId ?? (await adopted(deps, intentId))
  if (checkoutId === null) return 'ignored'
  const { decided } = await deps.store.changeRefunds(checkoutId, ({ refunds }) => ({
    change: null,
    taken: refunds
      .filter((refund) => counts(refund) && refund.providerId !== null)
      .reduce((sum, { amount }) => sum + amount, 0),
  }))
  if (decided.taken === charge.amount_refunded) return 'processed'
  return (await lookAtRefunds(deps, checkoutId, intentId)) ? 'processed' : 'ignored'
}

/**
 * The checkout of an intent that nobody has noted: its refund may overtake the news of its capture, which is settled
 * first. Null when it is another shop's, or not the checkout's own.
 */
async function adopted(deps: MoneyDeps, intentId: string): Promise<string | null> {
  const found = await unnotedIntent(deps, intentId)
  if (found === null) return null
  const { intent, payment } = found
  if (payment.intentId !== null || intent.status !== 'succeeded') return null
  await settlePayment(deps, payment.checkoutId, { tag: 'succeeded', intent }, null)
  return payment.checkoutId
}
