/** One attempt to charge, driven to a verdict. No transaction is open while this runs. */
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'
import type { Amount, Charge, IntentAnswer, PaymentGateway } from './gateway.ts'
import { askPatiently, confirmPatience, type Patience } from './patience.ts'
import { chargeOf } from './stripe-gateway.ts'

/** What charging needs, of an API process or a worker. */
export interface ChargeDeps {
  readonly gateway: PaymentGateway
  readonly clock: Clock
  readonly random: Random
  /** Default: that of a buyer who waits. */
  readonly patience?: Patience
  /**
   * Notes the intent before it is confirmed, so that whatever comes of it is known to be ours.
   * False when the payment was ended meanwhile: then nothing is charged.
   */
  readonly noteIntent: (checkoutId: string, intentId: string) => Promise<boolean>
}

/** One attempt to charge. The amount is in minor units; `attempt` counts those of the checkout. */
export interface ChargeRequest extends Amount {
  readonly checkoutId: string
  readonly attempt: number
  readonly paymentMethodId: string
  /** Null when the provider has not been asked, or its answer was lost. */
  readonly intentId: string | null
  /** This attempt may have been asked for before: what its key replays may be out of date. */
  readonly again: boolean
}

/**
 * For a buyer's request and for the job that resumes it: creates the checkout's intent unless there
 * is one, and confirms it. Keys are made of checkout and attempt: to do it again, by anybody,
 * charges nothing more. The provider's word is a value, `unknown` without a verdict; rejects only
 * as `noteIntent` does.
 */
export async function charge(deps: ChargeDeps, request: ChargeRequest): Promise<Charge> {
  const { gateway, patience = confirmPatience } = deps
  const { checkoutId, attempt, paymentMethodId, amount, currency } = request
  let { intentId } = request
  if (intentId === null) {
    const created = await askPatiently(deps, patience, (timeoutMs) =>
      gateway.createIntent(
        { checkoutId, amount, currency, key: `pi-${checkoutId}` },
        { timeoutMs },
      ),
    )
    if (created.tag !== 'intent') return created
    intentId = created.intent.id
    if (!(await deps.noteIntent(checkoutId, intentId))) {
      return { tag: 'unknown', message: 'the payment was ended meanwhile' }
    }
  }
  const id = intentId
  const key = `confirm-${checkoutId}-${attempt}`
  const asked = await askPatiently(deps, patience, (timeoutMs) =>
    gateway.confirmIntent({ intentId: id, paymentMethodId, key }, { timeoutMs }),
  )
  if (asked.tag === 'unknown') return firm(await look(deps, id, patience), asked)
  if (asked.tag === 'refused') return asked.intent ? firm(found(asked.intent), asked) : asked
  // A replayed answer tells what was true then; a bank or a buyer may have answered since.
  const open = asked.tag === 'requires_action' || asked.tag === 'processing'
  if (!request.again || !open) return asked
  const now = await look(deps, id, patience)
  return now.tag === 'intent' ? chargeOf(now.intent) : asked
}

/**
 * What the intent shows beyond doubt. An intent that waits for a payment method may be about an
 * earlier attempt.
 */
function firm(answer: IntentAnswer, otherwise: Charge): Charge {
  if (answer.tag !== 'intent') return otherwise
  const shown = chargeOf(answer.intent)
  return shown.tag === 'declined' ? otherwise : shown
}

const found = (intent: Extract<IntentAnswer, { tag: 'intent' }>['intent']): IntentAnswer => ({
  tag: 'intent',
  intent,
})

function look({ gateway }: ChargeDeps, intentId: string, { tryMs }: Patience) {
  return gateway.retrieveIntent(intentId, { timeoutMs: Math.min(tryMs, 1_500) })
}
