/**
 * From a hold to a paid order: one attempt at a time, however often and from wherever it is asked
 * for.
 */
import { settlesWithin } from '../../kernel/settles-within.ts'
import type { Payer } from '../../payments/decline-brake.ts'
import type { BuyerDetails, CardFacts } from '../../payments/gateway.ts'
import { type Checkouts, noCheckout } from '../reserve/checkouts.ts'
import { ProviderAway } from './cancel-intent.ts'
import {
  answerOf,
  atProviderMs,
  braked,
  type Confirmed,
  confirmed,
  declined,
  noneLeft,
  paying,
  pollAfter,
  refused,
  unavailable,
} from './confirm-answers.ts'
import { type Driven, driveAttempt } from './drive.ts'
import { decideReplacement } from './money/replace-attempt.ts'
import { type Attempt, leaseSeconds, type PaymentView } from './money/store.ts'
import type { MoneyDeps } from './money-deps.ts'
import type { PaymentQueue } from './payment-queue.ts'
import { pursuePayment } from './pursue.ts'

/** What a buyer sends to pay; `paymentMethodId` is the provider's. */
export interface ConfirmRequest {
  readonly checkoutId: string
  readonly buyerId: string
  readonly paymentMethodId: string
  /** What the provider is told of the buyer. */
  readonly details?: BuyerDetails | null
  /** The client's, as the rate limits see it; without it, only the account is braked. */
  readonly address?: string
  /** How long to wait for the verdict, in milliseconds. Default: 10 seconds. */
  readonly waitMs?: number
}

/** How long a confirm waits for its verdict when the buyer does not say. */
const usualWaitMs = 10_000
/** How often a verdict is looked for that another request, or process, is after. Milliseconds. */
const lookFirstMs = 100
const lookAtMostMs = 500

/** What confirming is built from. */
export type ConfirmDeps = MoneyDeps & {
  readonly checkouts: Pick<Checkouts, 'get' | 'getCommitted'>
  readonly queue: Pick<PaymentQueue, 'needed' | 'poke' | 'rest' | 'waitMs'>
  /** Where the provider's receipt goes; default: the provider sends none. */
  readonly receiptEmailOf?: (buyerId: string) => Promise<string | null>
}

/**
 * Payments that buyers ask for, by POST /api/checkouts/:id/confirm and POST /api/orders; one for
 * each API process. Waits for a verdict as long as the buyer says; the payment goes on without them.
 */
export class Confirmations {
  readonly #deps: ConfirmDeps
  /** Attempts that this process drives, and whose they are. */
  readonly #inFlight = new Map<
    string,
    { readonly buyerId: string; readonly driven: Promise<Driven> }
  >()

  constructor(deps: ConfirmDeps) {
    this.#deps = deps
  }

  /**
   * Pays a reserved checkout; joins an attempt in flight, repeats the answer of a confirmed one. Another
   * payment method takes the place of one whose bank waits for the buyer.
   * @throws AppError card_declined, validation_failed (payment method), payment_unavailable,
   * hold_expired, invalid_transition, not_found, rate_limited (declined cards), overloaded (not committed);
   * PaymentMismatch.
   */
  async confirm(request: ConfirmRequest): Promise<Confirmed> {
    const { clock, checkouts } = this.#deps
    const { checkoutId, buyerId, waitMs = usualWaitMs } = request
    const deadline = clock.monotonic() + waitMs
    const begun = await this.#begin(request, deadline)
    if (begun) return begun
    const found = await checkouts.getCommitted(checkoutId, buyerId, waitMs)
    // Committed just now; or it was the loser of a race over its key, and stands for the winner.
    const winner = { ...request, checkoutId: found.id }
    if (found.status === 'reserved') {
      const late = await this.#begin(winner, deadline)
      if (late) return late
    }
    const now = found.status === 'reserved' ? await checkouts.get(found.id, buyerId) : found
    // A paid checkout is told with its card, as it was the first time.
    const known = now.status === 'paying' || now.status === 'confirmed'
    return known ? this.#join(winner, deadline) : answerOf(now)
  }

  /**
   * How far a payment is that its buyer waits for, for GET /api/checkouts/:id: its place in the queue
   * from 0, or null, and when to ask again, in milliseconds. @throws AppError not_found.
   */
  async progress(
    checkoutId: string,
    buyerId: string,
  ): Promise<Pick<Confirmed, 'position' | 'pollAfterMs'>> {
    const { position, processing } = await this.#look({ checkoutId, buyerId })
    const askedMs = processing ? atProviderMs : 0
    const turnMs = position === null ? askedMs : this.#deps.queue.waitMs(position)
    return { position, pollAfterMs: pollAfter(turnMs) }
  }

  /** Null when there is nothing to begin. */
  async #begin(request: ConfirmRequest, deadline: number): Promise<Confirmed | null> {
    const { checkoutId, buyerId, paymentMethodId } = request
    const running = this.#inFlight.get(checkoutId)
    if (running?.buyerId === buyerId) return this.#await(request, running.driven, deadline)
    const { store, queue } = this.#deps
    if (await this.#isBraked(request)) return null
    const details = await this.#detailsOf(request)
    const queued = queue.needed
    const begun = await store.begin({
      ...{ checkoutId, buyerId, paymentMethodId, details },
      queue: queued,
    })
    if (!begun) return null
    this.#note(request, queued)
    if (!queued) return this.#await(request, this.#drive(buyerId, begun), deadline)
    queue.poke()
    return this.#join(request, deadline)
  }

  /**
   * After too many declined cards no other is tried for a while; a payment that is under way, or done, is
   * answered. @throws AppError rate_limited for a checkout that could be paid.
   */
  async #isBraked(request: ConfirmRequest): Promise<boolean> {
    const { checkoutId, buyerId } = request
    const waitMs = await this.#deps.brake?.check(payerOf(request))
    if (waitMs === undefined || waitMs === null) return false
    const found = await this.#deps.store.view(checkoutId, buyerId)
    if (found?.status === 'reserved') throw braked(waitMs)
    return true
  }

  /** Only of an attempt that has begun: nobody writes down who pays for a checkout of somebody else's. */
  #note(request: ConfirmRequest, elsewhere: boolean): void {
    const payer = payerOf(request)
    this.#deps.brake?.note(payer)
    if (elsewhere) void this.#deps.brake?.share(payer)
  }

  async #detailsOf({ buyerId, details = null }: ConfirmRequest): Promise<BuyerDetails | null> {
    const receiptEmail = (await this.#deps.receiptEmailOf?.(buyerId)) ?? null
    return receiptEmail === null ? details : { ...details, receiptEmail }
  }

  #drive(buyerId: string, attempt: Attempt): Promise<Driven> {
    const { checkoutId } = attempt
    const driven = driveAttempt(this.#deps, attempt).finally(() =>
      this.#inFlight.delete(checkoutId),
    )
    this.#inFlight.set(checkoutId, { buyerId, driven })
    return driven
  }

  /** The verdict of an attempt that this process drives; without one in time, it is driven on. */
  async #await(
    request: ConfirmRequest,
    driven: Promise<Driven>,
    deadline: number,
  ): Promise<Confirmed> {
    const { clock, log } = this.#deps
    const { checkoutId } = request
    if (await settlesWithin(clock, Math.max(0, deadline - clock.monotonic()), driven)) {
      return this.#toAnswer(request, await driven, deadline)
    }
    driven.catch((error: unknown) =>
      log.warn(
        { err: error, checkoutId },
        'a payment failed after its buyer was told to wait; it is resumed',
      ),
    )
    void this.#deps.brake?.share(payerOf(request))
    return paying(checkoutId)
  }

  async #toAnswer(request: ConfirmRequest, driven: Driven, deadline: number): Promise<Confirmed> {
    switch (driven.tag) {
      case 'refused':
        throw refused(driven)
      case 'unavailable': {
        const found = await this.#look(request)
        if (found.status === 'confirmed') return confirmed(request.checkoutId, found.card)
        throw unavailable()
      }
      case 'not now':
        this.#deps.queue.rest()
        return this.#join(request, deadline, false)
      case 'settled':
        return this.#settledAs(request, driven)
    }
  }

  async #settledAs(
    request: ConfirmRequest,
    { settlement, card }: Extract<Driven, { tag: 'settled' }>,
  ): Promise<Confirmed> {
    const { checkoutId } = request
    const later = settlement.tag === 'requires_action' || settlement.tag === 'processing'
    if (later) void this.#deps.brake?.share(payerOf(request))
    switch (settlement.tag) {
      case 'confirmed':
        return confirmed(checkoutId, card)
      case 'declined':
        throw declined(settlement.declineCode, settlement.attemptsLeft, card)
      case 'requires_action':
        return paying(checkoutId, { clientSecret: settlement.clientSecret, card })
      case 'processing':
        return paying(checkoutId, { turnMs: atProviderMs, card })
      default:
        // Somebody else has settled it, or it ended meanwhile: what is true now is the answer.
        return (
          (await this.#answerNow(request, await this.#look(request), card)) ??
          paying(checkoutId, { card })
        )
    }
  }

  /**
   * Waits for the verdict of an attempt that waits for its turn, or that another request, or process,
   * drives. Whose turn does not come in time is told at once how long it takes. A request replaces
   * one attempt at most, so that two of them do not take turns.
   */
  async #join(
    request: ConfirmRequest,
    deadline: number,
    mayReplace: boolean = true,
  ): Promise<Confirmed> {
    const { clock, queue } = this.#deps
    const { checkoutId } = request
    for (let looked = 0; ; looked++) {
      const found = await this.#look(request)
      if (looked === 0 && mayReplace && found.state === 'requires_action') {
        const replaced = await this.#replace(request, found, deadline)
        if (replaced) return replaced
      }
      const abandoned = found.state === 'pending' && found.leaseOver
      if (looked === 0 && (found.state === 'requires_action' || abandoned)) {
        // The buyer may have answered the bank; or whoever drove this attempt is gone.
        const driven = await this.#pursue(checkoutId)
        if (driven) return this.#toAnswer(request, driven, deadline)
        continue
      }
      const answer = await this.#answerNow(request, found)
      if (answer) return answer
      const left = deadline - clock.monotonic()
      const turnMs = found.position === null ? 0 : queue.waitMs(found.position)
      const pause = Math.min(lookFirstMs * (looked + 1), lookAtMostMs)
      if (turnMs > left || pause >= left) {
        return paying(checkoutId, { position: found.position, turnMs, card: found.card })
      }
      await clock.sleep(pause)
    }
  }

  /**
   * Another card while the bank waits for the buyer: its attempt takes the place of the one before.
   * Null when there is nothing to replace (any more).
   */
  async #replace(
    request: ConfirmRequest,
    found: PaymentView,
    deadline: number,
  ): Promise<Confirmed | null> {
    const { checkoutId, buyerId, paymentMethodId } = request
    if (found.paymentMethodId === paymentMethodId) return null
    if (await this.#isBraked(request)) return null
    const { store, queue, declinesMax } = this.#deps
    const queued = queue.needed
    const other = { paymentMethodId, queue: queued, details: await this.#detailsOf(request) }
    const { decided } = await store.change(checkoutId, (facts) =>
      decideReplacement(facts, other, { declinesMax }),
    )
    if (decided.tag === 'none left') throw noneLeft()
    if (decided.tag !== 'begun') return null
    this.#note(request, queued)
    if (!queued) return this.#await(request, this.#drive(buyerId, decided.attempt), deadline)
    queue.poke()
    return this.#join(request, deadline, false)
  }

  /** Brings an attempt of somebody else's to its verdict. */
  async #pursue(checkoutId: string): Promise<Driven | null> {
    const { store } = this.#deps
    const open = await store.open(checkoutId)
    if (!open) return null
    // From now on somebody drives it: the reconciler leaves it alone.
    await store.lease([open], leaseSeconds)
    try {
      return await pursuePayment(this.#deps, open)
    } catch (error) {
      if (error instanceof ProviderAway) throw unavailable()
      throw error
    }
  }

  async #look({
    checkoutId,
    buyerId,
  }: Pick<ConfirmRequest, 'checkoutId' | 'buyerId'>): Promise<PaymentView> {
    const found = await this.#deps.store.view(checkoutId, buyerId)
    if (!found) throw noCheckout()
    return found
  }

  /**
   * The answer as things stand; null while an attempt has no verdict. Throws the problem of one
   * that failed. `seen` is the card of an answer that somebody else has settled first.
   */
  async #answerNow(
    request: ConfirmRequest,
    found: PaymentView,
    seen: CardFacts | null = null,
  ): Promise<Confirmed | null> {
    const { checkoutId } = request
    const { clientSecret, processing } = found
    const card = found.card ?? seen
    if (found.status === 'confirmed') return confirmed(checkoutId, card)
    if (found.status === 'paying' && processing) {
      return paying(checkoutId, { turnMs: atProviderMs, card })
    }
    if (found.state === 'requires_action' && found.status === 'paying') {
      return paying(checkoutId, { clientSecret, card })
    }
    if (found.status === 'paying') return null
    if (found.state === 'declined' && ['reserved', 'payment_failed'].includes(found.status)) {
      const left = found.status === 'reserved' ? this.#deps.declinesMax - found.declines : 0
      throw declined(found.declineCode ?? 'generic_decline', Math.max(0, left), card)
    }
    if (found.status === 'payment_failed' || found.status === 'reserved') throw unavailable()
    return answerOf(await this.#deps.checkouts.get(request.checkoutId, request.buyerId))
  }
}

function payerOf({ checkoutId, buyerId, address = 'unknown' }: ConfirmRequest): Payer {
  return { checkoutId, account: buyerId, address }
}
