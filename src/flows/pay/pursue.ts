/**
 * Brings a payment to a verdict, wherever it was left: by a crash, a lost reply, or a lost event.
 */
import { z } from 'zod'
import { charge } from '../../payments/charge.ts'
import type { Charge } from '../../payments/gateway.ts'
import { jobPatience } from '../../payments/patience.ts'
import { noteIntent } from '../../payments/payment-repository.ts'
import { chargeOf } from '../../payments/stripe-gateway.ts'
import { sql } from '../../platform/postgres/pool.ts'
import { cancelIntent } from './cancel-intent.ts'
import type { MoneyDeps } from './money-deps.ts'
import { abandonAttempt, confirmPaid, giveUpOnProvider, settlePayment } from './settle.ts'
import type { Settlement } from './settlement.ts'

/**
 * What came of asking the provider: settled, or why it could not be. `param` is the parameter that
 * the provider found at fault, `message` its words, for the log and for the buyer.
 */
export type ChargeOutcome =
  | { readonly tag: 'settled'; readonly settlement: Settlement }
  | { readonly tag: 'refused'; readonly param: string | null; readonly message: string }
  /** No verdict: the units went back, or wait for the deadline, as it is set. */
  | { readonly tag: 'unavailable'; readonly message: string }

/**
 * An attempt that is written down, to be charged: its number, from 1, and the order's amount in
 * minor units. The intent is null when there is none yet; `again`: it may have been asked for
 * before.
 */
export interface ChargeAttempt {
  readonly checkoutId: string
  readonly attempt: number
  readonly paymentMethodId: string
  readonly intentId: string | null
  readonly amount: number
  readonly currency: string
  readonly again: boolean
}

/**
 * For confirm and the reconciler: charges, and applies what the provider says; no lock or
 * transaction is held meanwhile. An amount of 0 asks no provider. A provider that is away is
 * `unavailable`, not an error. @throws what {@link settlePayment} throws, AppError overloaded when
 * too many payments wait, and PostgreSQL's errors.
 */
export async function chargeAndSettle(
  deps: MoneyDeps,
  request: ChargeAttempt,
): Promise<ChargeOutcome> {
  const { pool, gateway, clock, random, patience } = deps
  const { checkoutId, amount, currency } = request
  if (amount === 0) {
    const nothing = { id: null, amount, amountReceived: 0, currency }
    const changed = await confirmPaid(deps, checkoutId, nothing)
    return { tag: 'settled', settlement: { tag: changed ? 'confirmed' : 'unchanged' } }
  }
  const answer = await charge(
    {
      gateway,
      clock,
      random,
      ...(patience ? { patience } : {}),
      noteIntent: (checkoutId, intentId) => noteIntent(pool, checkoutId, intentId),
    },
    request,
  )
  return conclude(deps, request, answer)
}

async function conclude(
  deps: MoneyDeps,
  { checkoutId, attempt }: ChargeAttempt,
  answer: Charge,
): Promise<ChargeOutcome> {
  if (answer.tag === 'refused') {
    const { code, param, message } = answer
    deps.log.warn(
      { checkoutId, attempt, code, param },
      'the provider refused a payment attempt; the attempt is abandoned',
    )
    await abandonAttempt(deps, checkoutId, attempt, code)
    return { tag: 'refused', param, message }
  }
  if (answer.tag === 'unknown') {
    deps.log.warn(
      { checkoutId, attempt, reason: answer.message },
      'a payment attempt has no verdict; the reconciler will ask the provider',
    )
    if (deps.outage === 'release') await giveUpOnProvider(deps, checkoutId)
    return { tag: 'unavailable', message: answer.message }
  }
  return {
    tag: 'settled',
    settlement: await settlePayment(deps, checkoutId, answer, attempt),
  }
}

const OpenRow = z.object({
  orderState: z.string(),
  live: z.boolean(),
  attempt: z.number(),
  state: z.enum(['pending', 'requires_action']),
  paymentMethodId: z.string(),
  intentId: z.string().nullable(),
  amount: z.number(),
  currency: z.string(),
})

/**
 * For the reconciler and for a confirm that joins: settles the attempt without a verdict; null when
 * none is settled. A payable one is charged under the same key, which charges nothing twice; the
 * intent of a checkout that has ended is cancelled. @throws what {@link chargeAndSettle} and {@link
 * cancelIntent} throw.
 */
export async function pursuePayment(
  deps: MoneyDeps,
  checkoutId: string,
): Promise<ChargeOutcome | null> {
  const open = await deps.pool.maybeOne(sql.type(OpenRow)`
    select o.state as "orderState", o.expires_at > now() as live, a.attempt, a.state,
        a.payment_method_id as "paymentMethodId", p.intent_id as "intentId", p.amount, p.currency
      from payment_attempts a
      join payments p on p.checkout_id = a.checkout_id
      join orders o on o.id = a.checkout_id
     where a.checkout_id = ${checkoutId} and a.state in ('pending', 'requires_action')`)
  if (!open) return null
  if (open.orderState !== 'paying') {
    await cancelIntent(deps, checkoutId)
    return null
  }
  if (open.state === 'pending' && open.live) {
    return chargeAndSettle({ patience: jobPatience, ...deps }, { ...open, checkoutId, again: true })
  }
  // It waits for its buyer, or for the sweep that ends it: nothing may be charged that was not
  // asked for yet.
  if (open.intentId === null) return null
  const answer = await deps.gateway.retrieveIntent(open.intentId)
  if (answer.tag !== 'intent') return null
  const shown = chargeOf(answer.intent)
  if (shown.tag === 'unknown' || shown.tag === 'refused') return null
  if (shown.tag === 'declined' && open.state === 'pending') return null
  return {
    tag: 'settled',
    settlement: await settlePayment(deps, checkoutId, shown, open.attempt),
  }
}
