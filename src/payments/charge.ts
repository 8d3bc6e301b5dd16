/** One attempt to charge, driven to a verdict. No transaction is open while this runs. */
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'
import type { Charge, IntentAnswer, IntentFacts, NewCharge, PaymentGateway } from './gateway.ts'
import { askPatiently, chargePatience, type Patience } from './patience.ts'
import { chargeOf } from './stripe-words.ts'

/** What charging needs, of an API process or a worker. */
export interface ChargeDeps {
  readonly gateway: PaymentGateway
  readonly clock: Clock
  readonly random: Random
  /** Default: {@link chargePatience}. */
  readonly patience?: Patience
  /** Whether the first call was taken from the budget of calls already; repeated ones never are. Default: yes. */
  readonly counted?: boolean
}

/** One attempt to charge. The amount is in minor units; `attempt` counts those of the checkout. */
export interface ChargeRequest extends Omit<NewCharge, 'key'> {
  readonly attempt: number
  readonly paymentMethodId: string
  /** Null when no answer has named the checkout's intent yet. */
  readonly intentId: string | null
  /** This attempt may have been asked for before: what its key replays may be out of date. */
  readonly again: boolean
  /** Counts the keys of this attempt, from 0. */
  readonly keyRound: number
  /** Since the provider was first asked; 0 when it has not been. */
  readonly sentSecondsAgo: number
}

/**
 * The provider's idempotency key of an attempt: whoever repeats the attempt, in whichever process,
 * charges nothing more.
 */
export function keyOf({
  checkoutId,
  attempt,
  keyRound,
}: Pick<ChargeRequest, 'checkoutId' | 'attempt' | 'keyRound'>): string {
  return `pay-${checkoutId}-${attempt}${keyRound === 0 ? '' : `-${keyRound}`}`
}

/**
 * Makes the checkout's intent and confirms it, in one call, or confirms the one there is; for a
 * buyer's request and for the job that resumes it. What the provider says is a value, `unknown`
 * without a verdict: then the buyer may have been charged, unless it says why not.
 */
export async function charge(deps: ChargeDeps, request: ChargeRequest): Promise<Charge> {
  const { gateway, patience = chargePatience, counted = true } = deps
  const { paymentMethodId, intentId, details } = request
  const key = keyOf(request)
  const make = () =>
    askPatiently(deps, patience, (timeoutMs, first) =>
      gateway.createAndConfirm(
        { ...newChargeOf(request), paymentMethodId },
        { timeoutMs, counted: first && counted },
      ),
    )
  if (intentId === null) return believe(deps, request, sameWords(request, await make()))
  const asked = await askPatiently(deps, patience, (timeoutMs, first) =>
    gateway.confirmIntent(
      { intentId, paymentMethodId, details, key },
      { timeoutMs, counted: first && counted },
    ),
  )
  // This attempt has made the intent, and somebody else has noted it: what came of that is asked for.
  const made = request.again && asked.tag === 'refused' && asked.code === keyOfAnother
  return believe(deps, request, made ? await make() : asked)
}

/** The provider's code for a key that went with another request before. */
export const keyOfAnother = 'idempotency_error'
/** Longer than any bank takes. */
const bankSeconds = 60

/**
 * An older release, or another setting, has asked for the attempt in other words: the provider repeats
 * no answer then. It is looked for, once the request of then can no longer be under way.
 */
function sameWords({ again, sentSecondsAgo }: ChargeRequest, asked: Charge): Charge {
  if (!again || asked.tag !== 'refused' || asked.code !== keyOfAnother) return asked
  const why = sentSecondsAgo < bankSeconds ? 'in_use' : 'stored'
  return { tag: 'unknown', why, message: 'its key went with other words' }
}

/** What an attempt asks for with its key, for whoever repeats it or takes the key. */
export function newChargeOf(request: ChargeRequest): NewCharge {
  const { checkoutId, buyerId, orderNumber, details, amount, currency } = request
  return { checkoutId, buyerId, orderNumber, details, amount, currency, key: keyOf(request) }
}

/** What an answer comes to: one that a key replays tells what was true then. */
async function believe(
  deps: ChargeDeps,
  { intentId, again, paymentMethodId }: ChargeRequest,
  asked: Charge,
): Promise<Charge> {
  if (asked.tag === 'unknown') {
    return intentId === null ? asked : firm(await look(deps, intentId), asked, paymentMethodId)
  }
  if (asked.tag === 'refused') {
    if (!asked.intent) return asked
    const now = again ? await look(deps, asked.intent.id) : found(asked.intent)
    return now.tag === 'unknown' ? now : firm(now, asked, paymentMethodId)
  }
  // A bank or a buyer may have answered since.
  const open = asked.tag === 'requires_action' || asked.tag === 'processing'
  if (!again || !open) return asked
  const now = await look(deps, asked.intent.id)
  return now.tag === 'intent' ? chargeOf(now.intent) : asked
}

/**
 * What the intent shows beyond doubt. An intent that waits for a payment method may be about an
 * earlier attempt.
 */
function firm(answer: IntentAnswer, otherwise: Charge, paymentMethodId: string): Charge {
  if (answer.tag !== 'intent') return otherwise
  const shown = chargeOf(answer.intent)
  const doubtful = shown.tag === 'declined' || asksOverAnother(shown, paymentMethodId)
  return doubtful ? otherwise : shown
}

/**
 * For whoever looks at an intent after an attempt: the bank waits for the buyer over another payment
 * method. That is the one which the attempt has replaced, and tells nothing of the attempt.
 */
export function asksOverAnother(shown: Charge, paymentMethodId: string): boolean {
  if (shown.tag !== 'requires_action') return false
  const named = shown.intent.paymentMethodId
  return named !== null && named !== paymentMethodId
}

const found = (intent: IntentFacts): IntentAnswer => ({ tag: 'intent', intent })

const lookMs = 1_500

function look({ gateway }: ChargeDeps, intentId: string) {
  return gateway.retrieveIntent(intentId, { timeoutMs: lookMs })
}
