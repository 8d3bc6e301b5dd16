import { keyOfAnother, newChargeOf } from '../../payments/charge.ts'
import type { IntentFacts } from '../../payments/gateway.ts'
import { PermanentFailure } from '../../platform/retries.ts'
import { keySafeSeconds } from './drive.ts'
import type { OpenAttempt } from './money/store.ts'
import type { MoneyDeps } from './money-deps.ts'
import { settleNews, settlePayment } from './settle.ts'

/**
 * The provider did not answer; asking again is safe. The outbox and the inbox of webhooks try again
 * later; a buyer who waits is answered `payment_unavailable`.
 */
export class ProviderAway extends Error {
  override name = 'ProviderAway'
}

/** What cancelling needs. */
export type CancelIntentDeps = Pick<
  MoneyDeps,
  'store' | 'gateway' | 'strategy' | 'declinesMax' | 'log' | 'clock' | 'brake'
>

/**
 * For the outbox and the reconciler: nothing more is charged for a checkout that has ended; if it has
 * been charged, that is late money. @throws ProviderAway without an answer, PermanentFailure when the
 * provider refuses, and what {@link settlePayment} throws.
 */
export async function cancelIntent(deps: CancelIntentDeps, checkoutId: string): Promise<void> {
  const payment = await deps.store.ended(checkoutId)
  if (!payment) return
  if (payment.intentId !== null) return cancelKnown(deps, checkoutId, payment.intentId)
  const open = await deps.store.open(checkoutId)
  if (open?.again) return cancelUnnamed(deps, open)
  await neverCharged(deps, checkoutId)
}

async function cancelKnown(
  deps: CancelIntentDeps,
  checkoutId: string,
  intentId: string,
): Promise<void> {
  const answer = await deps.gateway.cancelIntent(intentId)
  if (answer.tag === 'unknown') throw new ProviderAway(answer.message)
  const { intent } = answer
  if (intent?.status === 'canceled' || intent?.status === 'succeeded') {
    await settlePayment(deps, checkoutId, { tag: intent.status, intent }, null)
    return
  }
  // The bank is at it: its verdict comes as an event, or at the next look.
  if (intent === null) throw new PermanentFailure(`${intentId} cannot be cancelled: ${answer.tag}`)
}

/**
 * The provider was asked to charge, and no answer has named an intent: there may be one, or the request
 * may still be on its way. Taking its key decides that: either it charges nothing any more, or it was
 * carried out, and repeating it tells how.
 */
async function cancelUnnamed(deps: CancelIntentDeps, open: OpenAttempt): Promise<void> {
  const { gateway } = deps
  const { checkoutId, paymentMethodId, sentSecondsAgo } = open
  const charge = newChargeOf(open)
  if (sentSecondsAgo > keySafeSeconds) return cancelFound(deps, open)
  const burnt = await gateway.burnKey(charge)
  if (burnt.tag === 'unused') return cancelKnown(deps, checkoutId, burnt.intent.id)
  if (burnt.tag === 'refused') {
    throw new PermanentFailure(`the key of ${checkoutId} cannot be taken: ${burnt.message}`)
  }
  if (burnt.tag === 'unknown') {
    if (burnt.why === 'stored') return cancelFound(deps, open)
    throw new ProviderAway(burnt.message)
  }
  const answer = await gateway.createAndConfirm({ ...charge, paymentMethodId })
  if (answer.tag === 'unknown') {
    if (answer.why === 'stored') return cancelFound(deps, open)
    throw new ProviderAway(answer.message)
  }
  if (answer.tag === 'refused') {
    // An older release has asked in other words, which the key does not repeat.
    if (answer.code === keyOfAnother) return cancelFound(deps, open)
    return answer.intent
      ? cancelKnown(deps, checkoutId, answer.intent.id)
      : neverCharged(deps, checkoutId)
  }
  return cancelShown(deps, checkoutId, answer.intent)
}

/** No key tells any more: what the provider has is looked for. */
async function cancelFound(deps: CancelIntentDeps, open: OpenAttempt): Promise<void> {
  const { checkoutId, sentSecondsAgo } = open
  const aroundMs = deps.clock.now() - sentSecondsAgo * 1_000
  const found = await deps.gateway.findIntents({ checkoutId, aroundMs })
  if (found.tag === 'unknown') throw new ProviderAway(found.message)
  if (found.tag === 'refused') throw new PermanentFailure(found.message)
  const charged = found.intents.find(({ status }) => status === 'succeeded')
  const intent = charged ?? found.intents.find(({ status }) => status !== 'canceled')
  if (intent) return cancelShown(deps, checkoutId, intent)
  await neverCharged(deps, checkoutId)
}

async function cancelShown(
  deps: CancelIntentDeps,
  checkoutId: string,
  intent: IntentFacts,
): Promise<void> {
  if (intent.status !== 'succeeded') return cancelKnown(deps, checkoutId, intent.id)
  await settlePayment(deps, checkoutId, { tag: 'succeeded', intent }, null)
}

async function neverCharged(deps: CancelIntentDeps, checkoutId: string): Promise<void> {
  const { tag } = await settleNews(deps, checkoutId, { tag: 'never charged' })
  if (tag === 'unchanged') throw new ProviderAway(`checkout ${checkoutId} has moved meanwhile`)
}
