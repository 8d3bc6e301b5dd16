/** What an event of the provider means to the shop. Events come twice, late, and in any order. */
import type { Stripe } from 'stripe'
import { z } from 'zod'
import { isUuid } from '../../kernel/ids.ts'
import {
  isChargeEvent,
  isConcernEvent,
  isIntentEvent,
  isRefundEvent,
} from '../../payments/event-types.ts'
import { chargeOf, factsOf, refundFactsOf } from '../../payments/stripe-words.ts'
import { PermanentFailure } from '../../platform/retries.ts'
import { ProviderAway } from './cancel-intent.ts'
import { handleCharge, handleRefund } from './handle-refund.ts'
import { hearConcern } from './hear-concern.ts'
import type { KnownPayment, OpenAttempt } from './money/store.ts'
import type { MoneyDeps } from './money-deps.ts'
import { settlePayment } from './settle.ts'

/**
 * For the worker, of stored events whose signature was verified: settles each, any number of times.
 * `ignored`: it moves nothing of this shop's. @throws PaymentMismatch when it contradicts the
 * order, PermanentFailure when it cannot be read, ProviderAway when asking gets no answer.
 */
export async function handleStripeEvent(
  deps: MoneyDeps,
  event: Stripe.Event,
): Promise<'processed' | 'ignored'> {
  // Of an account that is connected to ours: somebody else's money.
  if (event.account !== undefined && event.account !== null) return 'ignored'
  if (isIntentEvent(event)) return handleIntent(deps, readable(event, Intent, event.data?.object))
  if (isConcernEvent(event)) return hearConcern(deps, event)
  if (isRefundEvent(event)) {
    return handleRefund(deps, refundFactsOf(readable(event, Refund, event.data?.object)))
  }
  if (isChargeEvent(event)) {
    return handleCharge(deps, readable(event, Charge, event.data?.object))
  }
  return 'ignored'
}

const Intent = z.looseObject({
  id: z.string(),
  status: z.string(),
  amount: z.number(),
  currency: z.string(),
})
const Refund = z.looseObject({ id: z.string(), amount: z.number() })
const Charge = z.looseObject({ id: z.string(), amount_refunded: z.number() })

/** The event's object as it is, if it has what is read of it. */
function readable<T>({ id }: Stripe.Event, needed: z.ZodType, object: T): T {
  if (needed.safeParse(object).success) return object
  throw new PermanentFailure(`event ${id} carries no object of its type`)
}

async function handleIntent(
  deps: MoneyDeps,
  object: Stripe.PaymentIntent,
): Promise<'processed' | 'ignored'> {
  const told = factsOf(object)
  const known = (await deps.store.byIntent(told.id)) ?? (await claimed(deps, told.checkoutId))
  if (known === null) return 'ignored'
  const { checkoutId } = known
  if (told.status === 'succeeded') {
    if (known.intentId === told.id && known.status === 'succeeded' && fits(known, told)) {
      return 'processed'
    }
    // Nothing follows a success, so this cannot be out of date.
    await settlePayment(deps, checkoutId, { tag: 'succeeded', intent: told }, null)
    return 'processed'
  }
  // Of an intent that is none of ours, or that a lost answer should have named.
  if (known.intentId !== null && known.intentId !== told.id) return 'ignored'
  if (known.status !== 'open') return 'processed'
  // Anything else may have been overtaken: what is true now is asked for, of the attempt that is
  // open now: one that is made later is none of the answer's business.
  const open = await deps.store.open(checkoutId)
  const answer = await deps.gateway.retrieveIntent(told.id)
  if (answer.tag === 'unknown') throw new ProviderAway(answer.message)
  if (answer.tag === 'refused') return 'ignored'
  const verdict = chargeOf(answer.intent)
  if (verdict.tag === 'unknown' || verdict.tag === 'refused') return 'processed'
  if (verdict.tag === 'canceled' || verdict.tag === 'succeeded') {
    await settlePayment(deps, checkoutId, verdict, null)
  } else if (open && (verdict.tag !== 'declined' || isLeftAlone(open))) {
    await settlePayment(deps, checkoutId, verdict, open.attempt)
  }
  return 'processed'
}

/** The bank waits for its buyer, or the provider for the bank: nobody of ours is at it. */
const isLeftAlone = ({ state, processing }: OpenAttempt) =>
  state === 'requires_action' || processing

/**
 * The payment that the metadata of an unknown intent names: the answer that would have told us of the
 * intent may have been lost. What does not fit the order is a mismatch.
 */
async function claimed(
  { store, log }: MoneyDeps,
  checkoutId: string | null,
): Promise<KnownPayment | null> {
  if (checkoutId === null || !isUuid(checkoutId)) return null
  const payment = await store.payment(checkoutId)
  if (!payment) {
    log.warn(
      { checkoutId },
      'an event names a checkout that this shop never charged; ignoring the event',
    )
  }
  return payment
}

function fits(
  known: { readonly captured: number; readonly currency: string },
  told: { readonly amountReceived: number; readonly currency: string },
): boolean {
  return known.captured === told.amountReceived && known.currency === told.currency
}
