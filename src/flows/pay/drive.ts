/** Drives one attempt to a verdict, or as far as the provider goes with it. */
import { asksOverAnother, type ChargeRequest, charge } from '../../payments/charge.ts'
import type { CardFacts, Charge, RefusedByProvider, Unknown } from '../../payments/gateway.ts'
import { chargeOf } from '../../payments/stripe-words.ts'
import type { Settlement } from './money/settlement.ts'
import { type Attempt, askAgainSeconds } from './money/store.ts'
import type { MoneyDeps } from './money-deps.ts'
import { capturePaid, settleNews, settlePayment } from './settle.ts'

/**
 * What came of asking the provider. `refused`: it would not make the attempt; `message` is in its words,
 * for the log and for the buyer. `unavailable`: it is away, and the units
 * went back or wait for their deadline, as it is set. `not now`: the attempt waits, and its hold is kept.
 */
export type Driven =
  | {
      readonly tag: 'settled'
      readonly settlement: Settlement
      /** Of the answer that was settled. */
      readonly card: CardFacts | null
    }
  | { readonly tag: 'refused'; readonly why: Refused; readonly message: string }
  | { readonly tag: 'unavailable'; readonly message: string }
  | { readonly tag: 'not now'; readonly message: string }

/** The payment method: one that the provider does not know, or one that the shop does not take. */
export type Refused = 'method' | 'method type' | 'other'

/** The provider's code for a payment method of a type that the intent does not take. */
export const wrongMethodType = 'payment_intent_incompatible_payment_method'

function whyRefused({ code, param, message }: RefusedByProvider): Refused {
  const notAllowed = message.includes('is not allowed for this PaymentIntent')
  if (code === wrongMethodType || notAllowed) return 'method type'
  return param === 'payment_method' ? 'method' : 'other'
}

/** The provider forgets a key after a day: from then on it is asked what it has first. */
export const keySafeSeconds = 20 * 3600
/** Keys of one drive, at most. */
const roundsMax = 3
/** When an attempt is asked for again whose key somebody is at. Seconds. */
const inUseSeconds = 3

/**
 * For confirm, the queue and the reconciler: charges, and settles what the provider says, with the
 * attempt's lease kept meanwhile; no lock or transaction is held. Where nothing is to be paid, the
 * provider is not asked. @throws PaymentMismatch.
 */
export async function driveAttempt(deps: MoneyDeps, attempt: Attempt): Promise<Driven> {
  const { checkoutId, amount, currency } = attempt
  if (amount === 0) {
    const nothing = { id: null, amount, amountReceived: 0, currency }
    const changed = await capturePaid(deps, checkoutId, nothing)
    const settlement = { tag: changed ? 'confirmed' : 'unchanged' } as const
    return { tag: 'settled', settlement, card: null }
  }
  return deps.leases.during(attempt, async () => {
    const answer = await chargeByAnyKey(deps, attempt)
    return answer.tag === 'unknown'
      ? without(deps, attempt, answer)
      : conclude(deps, attempt, answer)
  })
}

/** The provider's verdict; by another key where it has kept, or may have forgotten, the last one. */
async function chargeByAnyKey(deps: MoneyDeps, attempt: Attempt): Promise<Charge> {
  let request: ChargeRequest = attempt
  let useless = attempt.sentSecondsAgo > keySafeSeconds
  for (let round = 1; ; round++) {
    const answer = useless ? keyForgotten : await charge(deps, request)
    if (answer.tag !== 'unknown' || answer.why !== 'stored' || round === roundsMax) return answer
    // A hold is never ended, and a buyer never charged again, without a look.
    const seen = await lookForIntent(deps, attempt)
    if (seen.tag === 'unknown') return seen
    if (seen.tag === 'verdict') return seen.verdict
    if (!(await deps.store.leaveKey(attempt, request.keyRound))) return answer
    const intentId = seen.intentId ?? request.intentId
    request = { ...request, intentId, keyRound: request.keyRound + 1, again: false }
    useless = false
  }
}

const keyForgotten: Unknown = { tag: 'unknown', why: 'stored', message: 'its key is forgotten' }

type Seen =
  | { readonly tag: 'verdict'; readonly verdict: Charge }
  /** Nothing was charged; the intent of the checkout, if one was made. */
  | { readonly tag: 'not charged'; readonly intentId: string | null }
  | Unknown

async function lookForIntent(deps: MoneyDeps, attempt: Attempt): Promise<Seen> {
  const { checkoutId, intentId, sentSecondsAgo } = attempt
  const { gateway, clock } = deps
  const aroundMs = clock.now() - sentSecondsAgo * 1_000
  const answer =
    intentId === null
      ? await gateway.findIntents({ checkoutId, aroundMs })
      : await gateway.retrieveIntent(intentId)
  if (answer.tag === 'unknown') return answer
  if (answer.tag === 'refused') return { ...answer, tag: 'unknown', why: 'away' }
  const intents = answer.tag === 'intents' ? answer.intents : [answer.intent]
  const shown = intents.map(chargeOf)
  const firm = (tag: string) => shown.find((verdict) => verdict.tag === tag)
  const verdict = firm('succeeded') ?? firm('processing') ?? firm('requires_action')
  if (verdict && !asksOverAnother(verdict, attempt.paymentMethodId))
    return { tag: 'verdict', verdict }
  const payable = intents.find(({ status }) => status !== 'canceled')
  return { tag: 'not charged', intentId: payable?.id ?? null }
}

async function conclude(
  deps: MoneyDeps,
  { checkoutId, attempt }: Attempt,
  answer: Exclude<Charge, Unknown>,
): Promise<Driven> {
  deps.access.granted()
  if (answer.tag !== 'refused') {
    const settlement = await settlePayment(deps, checkoutId, answer, attempt)
    return { tag: 'settled', settlement, card: answer.intent.card }
  }
  const { code, param, message, intent } = answer
  deps.log.warn(
    { checkoutId, attempt, code, param },
    'the provider refused a payment attempt; the attempt is abandoned',
  )
  await settleNews(deps, checkoutId, { tag: 'refused', attempt, why: code, intent })
  return { tag: 'refused', why: whyRefused(answer), message }
}

/**
 * Without a verdict the buyer may have been charged: the attempt stays as it is. Only a provider that is
 * away ends a hold, and only where the shop is set to release units then.
 */
async function without(deps: MoneyDeps, attempt: Attempt, answer: Unknown): Promise<Driven> {
  const { store, log, access } = deps
  const { checkoutId } = attempt
  const { why, message } = answer
  if (why !== 'barred') {
    log.warn(
      { checkoutId, attempt: attempt.attempt, why, reason: message },
      'a payment attempt has no verdict; it is asked for again',
    )
  }
  switch (why) {
    case 'barred':
    case 'busy':
      if (why === 'barred') access.barred(message)
      await store.putBack([attempt])
      return { tag: 'not now', message }
    case 'in_use':
      await store.lease([attempt], inUseSeconds)
      return { tag: 'not now', message }
    case 'stored':
      await store.lease([attempt], askAgainSeconds)
      return { tag: 'not now', message }
    case 'away':
      if (deps.outage === 'release') await settleNews(deps, checkoutId, { tag: 'given up' })
      await store.lease([attempt], askAgainSeconds)
      return { tag: 'unavailable', message }
  }
}
