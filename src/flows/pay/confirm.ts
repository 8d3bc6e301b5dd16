/**
 * From a hold to a paid order: one attempt at a time, however often and from wherever it is asked
 * for.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { AppError } from '../../kernel/errors.ts'
import { checkoutWordOf } from '../../orders/order-sql.ts'
import { confirmPatience } from '../../payments/patience.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { CheckoutView } from '../reserve/checkout-repository.ts'
import type { Checkouts } from '../reserve/checkouts.ts'
import { type Begun, beginAttempt } from './begin-attempt.ts'
import { ProviderAway } from './cancel-intent.ts'
import type { MoneyDeps } from './money-deps.ts'
import { type ChargeOutcome, chargeAndSettle, pursuePayment } from './pursue.ts'
import { settleAfterSeconds } from './resume.ts'

/** What a buyer sends to pay; `paymentMethodId` is the provider's. */
export interface ConfirmRequest {
  readonly checkoutId: string
  readonly buyerId: string
  readonly paymentMethodId: string
}

/** The answer to a confirm that did not fail: 200 when `confirmed`, 202 when `paying`. */
export interface Confirmed {
  /** `paying`: the bank wants the buyer, or nobody knows yet. */
  readonly status: 'confirmed' | 'paying'
  readonly orderId: string
  /** For the buyer's browser, when the bank wants the buyer. */
  readonly clientSecret: string | null
}

/** How long a confirm waits for a commit, or for the attempt of another. */
const waitMs = 10_000
const lookEveryMs = 100

/** What confirming is built from. */
export type ConfirmDeps = MoneyDeps & { readonly checkouts: Checkouts }

/**
 * Payments that buyers ask for, by POST /api/checkouts/:id/confirm and POST /api/orders; one for
 * each API process. Waits up to 10 seconds for a commit, or for the attempt of another.
 */
export class Confirmations {
  readonly #deps: ConfirmDeps
  /** Attempts of this process that have no answer yet. */
  readonly #inFlight = new Map<
    string,
    { readonly buyerId: string; readonly outcome: Promise<Confirmed> }
  >()

  constructor(deps: ConfirmDeps) {
    this.#deps = deps
  }

  /**
   * Pays a reserved checkout; joins an attempt in flight, repeats the answer of a confirmed one.
   * @throws AppError card_declined, validation_failed (payment method), payment_unavailable,
   * hold_expired, invalid_transition, not_found, overloaded (not committed); PaymentMismatch.
   */
  async confirm(request: ConfirmRequest): Promise<Confirmed> {
    const { checkoutId, buyerId } = request
    const running = this.#inFlight.get(checkoutId)
    if (running?.buyerId === buyerId) return running.outcome
    const begun = await beginAttempt(this.#deps.pool, request)
    if (begun) return this.#run(request, begun)
    const found = await this.#deps.checkouts.getCommitted(checkoutId, buyerId, waitMs)
    // Committed just now; or it was the loser of a race over its key, and stands for the winner.
    const winner = { ...request, checkoutId: found.id }
    if (found.status === 'reserved') {
      const late = await beginAttempt(this.#deps.pool, winner)
      if (late) return this.#run(winner, late)
    }
    const now =
      found.status === 'reserved' ? await this.#deps.checkouts.get(found.id, buyerId) : found
    return now.status === 'paying' ? this.#join(winner) : answerOf(now)
  }

  #run(request: ConfirmRequest, begun: Begun): Promise<Confirmed> {
    const { checkoutId, buyerId } = request
    const outcome = this.#attempt(request, begun).finally(() => this.#inFlight.delete(checkoutId))
    this.#inFlight.set(checkoutId, { buyerId, outcome })
    return outcome
  }

  async #attempt(request: ConfirmRequest, begun: Begun): Promise<Confirmed> {
    const { checkoutId, paymentMethodId } = request
    const charging = { ...begun, checkoutId, paymentMethodId, again: false }
    return this.#toAnswer(request, await chargeAndSettle(this.#deps, charging))
  }

  async #toAnswer(request: ConfirmRequest, outcome: ChargeOutcome): Promise<Confirmed> {
    if (outcome.tag === 'refused') {
      if (outcome.param !== 'payment_method') throw unavailable()
      throw new AppError(
        'validation_failed',
        'The payment provider does not accept this payment method.',
        {
          errors: [{ path: 'paymentMethodId', message: outcome.message.slice(0, 200) }],
        },
      )
    }
    if (outcome.tag === 'unavailable') {
      const found = await lookAt(this.#deps.pool, request)
      if (found.status === 'confirmed') return confirmed(request.checkoutId)
      throw unavailable()
    }
    const { settlement } = outcome
    switch (settlement.tag) {
      case 'confirmed':
        return confirmed(request.checkoutId)
      case 'declined':
        throw declined(settlement.declineCode, settlement.attemptsLeft)
      case 'requires_action':
        return paying(request.checkoutId, settlement.clientSecret)
      case 'processing':
        return paying(request.checkoutId, null)
      default:
        // Somebody else has settled it, or it ended meanwhile: what is true now is the answer.
        return (await this.#answerNow(request)) ?? paying(request.checkoutId, null)
    }
  }

  /** Waits for the verdict of an attempt that another request, or process, has begun. */
  async #join(request: ConfirmRequest): Promise<Confirmed> {
    const deadline = this.#deps.clock.monotonic() + waitMs
    for (let first = true; ; first = false) {
      const found = await lookAt(this.#deps.pool, request)
      const abandoned = found.state === 'pending' && found.ageSeconds > settleAfterSeconds
      if (first && (found.state === 'requires_action' || abandoned)) {
        // The buyer may have answered the bank; or whoever began this attempt is gone.
        const outcome = await this.#pursue(request)
        if (outcome) return this.#toAnswer(request, outcome)
        continue
      }
      const answer = await this.#answerNow(request)
      if (answer) return answer
      if (this.#deps.clock.monotonic() + lookEveryMs >= deadline)
        return paying(request.checkoutId, null)
      await this.#deps.clock.sleep(lookEveryMs)
    }
  }

  /** Brings an attempt of somebody else's to its verdict, no slower than one of our own. */
  async #pursue({ checkoutId }: ConfirmRequest): Promise<ChargeOutcome | null> {
    try {
      return await pursuePayment({ patience: confirmPatience, ...this.#deps }, checkoutId)
    } catch (error) {
      if (error instanceof ProviderAway) throw unavailable()
      throw error
    }
  }

  /**
   * The answer as things stand; null while an attempt has no verdict. Throws the problem of one
   * that failed.
   */
  async #answerNow(request: ConfirmRequest): Promise<Confirmed | null> {
    const found = await lookAt(this.#deps.pool, request)
    if (found.status === 'confirmed') return confirmed(request.checkoutId)
    if (found.state === 'requires_action' && found.status === 'paying') {
      return paying(request.checkoutId, found.clientSecret)
    }
    if (found.status === 'paying') return null
    if (found.state === 'declined' && ['reserved', 'payment_failed'].includes(found.status)) {
      const left = found.status === 'reserved' ? this.#deps.declinesMax - found.declines : 0
      throw declined(found.declineCode ?? 'generic_decline', Math.max(0, left))
    }
    if (found.status === 'payment_failed' || found.status === 'reserved') throw unavailable()
    return answerOf(await this.#deps.checkouts.get(request.checkoutId, request.buyerId))
  }
}

const LookRow = z.object({
  status: z.string(),
  state: z.string().nullable(),
  ageSeconds: z.number(),
  declineCode: z.string().nullable(),
  clientSecret: z.string().nullable(),
  declines: z.number(),
})

/** A checkout beside its latest attempt. */
async function lookAt(pool: DatabasePool, { checkoutId, buyerId }: ConfirmRequest) {
  return pool.one(sql.type(LookRow)`
    select ${checkoutWordOf('o')} as status, a.state, coalesce(extract(epoch from now() - a.created_at), 0)::int as "ageSeconds",
        a.decline_code as "declineCode", a.client_secret as "clientSecret",
        (select count(*) from payment_attempts d where d.checkout_id = o.id and d.state = 'declined') as declines
      from orders o left join lateral (
        select * from payment_attempts where checkout_id = o.id order by attempt desc limit 1) a on true
     where o.id = ${checkoutId} and o.buyer_id = ${buyerId}`)
}

/** For a checkout that cannot be paid, or is paid already. */
function answerOf({ id, status, orderId }: CheckoutView): Confirmed {
  if (status === 'confirmed') return confirmed(orderId ?? id)
  if (status === 'queued') {
    throw new AppError('overloaded', 'The checkout is not committed yet. Try again in a second.', {
      retryAfterSeconds: 1,
    })
  }
  if (status === 'expired' || status === 'reserved') {
    throw new AppError(
      'hold_expired',
      'The hold has expired, and its units have gone back. Check out again.',
    )
  }
  throw new AppError('invalid_transition', `A checkout that is ${status} cannot be paid.`)
}

const confirmed = (orderId: string): Confirmed => ({
  status: 'confirmed',
  orderId,
  clientSecret: null,
})
const paying = (orderId: string, clientSecret: string | null): Confirmed => ({
  status: 'paying',
  orderId,
  clientSecret,
})

function declined(declineCode: string, attemptsLeft: number): AppError {
  const detail =
    attemptsLeft > 0
      ? 'The card was declined. The hold goes on; try another card.'
      : 'The card was declined, and no attempts are left. The units have gone back.'
  return new AppError('card_declined', detail, { members: { declineCode, attemptsLeft } })
}

function unavailable(): AppError {
  return new AppError(
    'payment_unavailable',
    'The payment provider cannot be reached. You pay nothing for units that have gone back.',
    { retryAfterSeconds: 5 },
  )
}
