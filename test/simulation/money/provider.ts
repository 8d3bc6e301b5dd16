/**
 * A payment provider in memory, with Stripe's semantics: what a key has done once it repeats; intents have states;
 * banks decline, ask the buyer, take their time; the provider is busy, bars the key, breaks down, or is away.
 */
import type { SeededRandom } from '../../../src/kernel/random.ts'
import type {
  Charge,
  IntentAnswer,
  IntentFacts,
  RefundAnswer,
  Unknown,
} from '../../../src/payments/gateway.ts'
import { chargeOf } from '../../../src/payments/stripe-words.ts'
import type { Scheduler } from '../scheduler.ts'
import type { Story } from '../story.ts'
import { type CardVerdict, cardOf } from './cards.ts'
import { ProviderKeys } from './provider-keys.ts'
import {
  type BankVisit,
  type Failed,
  factsOf,
  type Happening,
  healthy,
  type Intent,
  type Refund,
  refundFacts,
  refusal,
  unknown,
  unknownMethod,
} from './provider-words.ts'

export interface ProviderDeps {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly story: Story
  readonly now: () => number
  /** The chance that a bank returns a refund. */
  readonly lateFailures: number
  /** Told of everything that an event is made of. */
  readonly onHappening: (happening: Happening) => void
}

/** Refunds of one intent that banks return, at most. */
const returnedMax = 3

export class Provider {
  mood = healthy()
  readonly intents = new Map<string, Intent>()
  readonly refunds = new Map<string, Refund>()
  readonly visits: BankVisit[] = []
  /** Refunds that a bank will return. */
  undecided = 0
  readonly #deps: ProviderDeps
  readonly #keys: ProviderKeys
  readonly #returned = new Map<string, number>()
  #made = 0

  constructor(deps: ProviderDeps) {
    this.#deps = deps
    this.#keys = new ProviderKeys(deps.random, () => this.mood.broken)
  }

  intentsOf(checkoutId: string): Intent[] {
    return [...this.intents.values()].filter((each) => each.checkoutId === checkoutId)
  }

  /** What was taken from a buyer for a checkout, and not given back. */
  netOf(checkoutId: string): number {
    const own = this.intentsOf(checkoutId).filter(({ strange }) => !strange)
    const back = (id: string) =>
      this.#refundsOf(id).reduce((sum, { status, amount }) => {
        return status === 'succeeded' ? sum + amount : sum
      }, 0)
    return own.reduce((sum, { id, received }) => sum + received - back(id), 0)
  }

  async createAndConfirm(request: {
    readonly checkoutId: string
    readonly amount: number
    readonly currency: string
    readonly key: string
    readonly paymentMethodId: string
  }): Promise<Charge> {
    const { key, ...params } = request
    return this.#keyed<Charge>(key, params, () => {
      const refused = unknownMethod(request.paymentMethodId)
      return refused ?? this.#askBank(this.#make(request), key, request.paymentMethodId)
    })
  }

  async burnKey(request: {
    readonly checkoutId: string
    readonly amount: number
    readonly currency: string
    readonly key: string
  }): Promise<
    { readonly tag: 'unused'; readonly intent: IntentFacts } | { readonly tag: 'used' } | Failed
  > {
    const { key, ...params } = request
    const answer = await this.#keyed<{ tag: 'unused'; intent: IntentFacts } | Failed>(
      key,
      params,
      () => ({
        tag: 'unused',
        intent: factsOf(this.#make(request)),
      }),
    )
    return answer.tag === 'refused' && answer.code === 'idempotency_error'
      ? { tag: 'used' }
      : answer
  }

  async confirmIntent(request: {
    readonly intentId: string
    readonly paymentMethodId: string
    readonly key: string
  }): Promise<Charge> {
    const { key, ...params } = request
    return this.#keyed<Charge>(key, params, () => {
      const { intentId, paymentMethodId } = request
      const intent = this.intents.get(intentId)
      if (!intent) return refusal('resource_missing', 'intent', null)
      if (intent.atBank) return unknown('busy', 'lock_timeout')
      const confirmable = ['requires_payment_method', 'requires_confirmation', 'requires_action']
      if (!confirmable.includes(intent.status)) {
        return refusal('payment_intent_unexpected_state', null, factsOf(intent))
      }
      return unknownMethod(paymentMethodId) ?? this.#askBank(intent, key, paymentMethodId)
    })
  }

  /** Null: the key is known. */
  async checkAccess(): Promise<Unknown | null> {
    return this.#away()
  }

  async retrieveIntent(intentId: string): Promise<IntentAnswer> {
    const intent = this.intents.get(intentId)
    return (
      this.#away() ??
      (intent
        ? { tag: 'intent', intent: factsOf(intent) }
        : refusal('resource_missing', 'intent', null))
    )
  }

  async findIntents({ checkoutId, aroundMs }: { checkoutId: string; aroundMs: number }) {
    const away = this.#away()
    if (away) return away
    const intents = this.intentsOf(checkoutId)
      .filter(({ createdMs }) => Math.abs(createdMs - aroundMs) <= 300_000)
      .map(factsOf)
    return { tag: 'intents', intents } as const
  }

  async cancelIntent(intentId: string): Promise<IntentAnswer> {
    const away = this.#away()
    if (away) return away
    const intent = this.intents.get(intentId)
    if (!intent) return refusal('resource_missing', 'intent', null)
    if (intent.atBank) return unknown('busy', 'lock_timeout')
    if (intent.status === 'succeeded') {
      return refusal('payment_intent_unexpected_state', null, factsOf(intent))
    }
    if (intent.status !== 'canceled') this.#move(intent, { status: 'canceled' })
    return { tag: 'intent', intent: factsOf(intent) }
  }

  async createRefund(request: {
    readonly intentId: string
    readonly amount: number
    readonly refundId: string
    readonly key: string
  }): Promise<RefundAnswer> {
    const { key, ...params } = request
    return this.#keyed<RefundAnswer>(key, params, () => this.#refund(request))
  }

  async listRefunds(intentId: string) {
    const away = this.#away()
    if (away) return away
    return { tag: 'refunds', refunds: this.#refundsOf(intentId).map(refundFacts) } as const
  }

  /** What the buyer answers to their bank. */
  authenticate(intentId: string, agrees: boolean): void {
    const intent = this.intents.get(intentId)
    // Another card is being confirmed: the page of the one before is void.
    if (intent?.status !== 'requires_action' || intent.atBank) return
    const after = cardOf(intent.method)?.authenticated ?? 'declined'
    this.#conclude(intent, this.#lastVisit(intent), agrees ? after : 'declined')
  }

  /** Somebody else pays over an intent whose metadata names a checkout of the shop. */
  payStrangely(checkoutId: string, amount: number, currency: string): void {
    const intent = this.#make({ checkoutId, amount, currency }, true)
    this.#move(intent, { status: 'succeeded', received: amount })
  }

  /** Somebody gives a part of the money back at the provider, as far as there is so much. */
  refundElsewhere(intentId: string, part: number): void {
    const amount = Math.ceil(this.#leftOf(intentId) * part)
    if (amount > 0) this.#refund({ intentId, amount, refundId: null })
  }

  async #keyed<T extends { readonly tag: string }>(
    key: string,
    params: object,
    run: () => T | Failed | Promise<T | Failed>,
  ): Promise<T | Failed> {
    return this.#away() ?? this.#keys.answer(key, params, run)
  }

  #away(): Unknown | null {
    if (this.mood.barred) return unknown('barred', 'invalid API key')
    if (this.#deps.random.chance(this.mood.busy)) return unknown('busy', 'too many requests')
    return null
  }

  #make(
    { checkoutId, amount, currency }: { checkoutId: string; amount: number; currency: string },
    strange = false,
  ): Intent {
    this.#made += 1
    const intent: Intent = {
      ...{
        id: `pi_${this.#made}`,
        checkoutId,
        amount,
        currency,
        createdMs: this.#deps.now(),
        strange,
      },
      ...{
        status: 'requires_confirmation',
        received: 0,
        method: '',
        declineCode: null,
        atBank: false,
      },
    }
    this.intents.set(intent.id, intent)
    return intent
  }

  async #askBank(intent: Intent, key: string, method: string): Promise<Charge> {
    const card = cardOf(method)
    const visit: BankVisit = { key, checkoutId: intent.checkoutId, method, verdict: 'open' }
    this.visits.push(visit)
    intent.atBank = true
    const { scheduler, random } = this.#deps
    const ms = card?.slow ? 1_000 + random.next() * 25_000 : random.next() * 300
    await new Promise<void>((resolve) => scheduler.plan(ms, resolve))
    intent.atBank = false
    intent.method = method
    this.#conclude(intent, visit, card?.verdict ?? 'declined')
    return chargeOf(factsOf(intent))
  }

  #conclude(intent: Intent, visit: BankVisit | undefined, verdict: CardVerdict): void {
    if (visit) visit.verdict = verdict
    if (verdict === 'succeeded')
      this.#move(intent, { status: 'succeeded', received: intent.amount })
    else if (verdict === 'declined') {
      this.#move(intent, { status: 'requires_payment_method', declineCode: 'generic_decline' })
    } else this.#move(intent, { status: verdict, declineCode: null })
    if (verdict !== 'processing') return
    const { scheduler, random } = this.#deps
    const later = random.chance(0.7) ? 'succeeded' : 'declined'
    scheduler.plan(1_000 + random.next() * 20_000, () => {
      if (intent.status === 'processing') this.#conclude(intent, visit, later)
    })
  }

  #lastVisit({ checkoutId }: Intent): BankVisit | undefined {
    return this.visits.findLast((visit) => visit.checkoutId === checkoutId)
  }

  #move(intent: Intent, to: Partial<Intent>): void {
    Object.assign(intent, to)
    this.#deps.story.note('provider', intent.id, intent.status, intent.checkoutId)
    this.#deps.onHappening({ of: 'intent', intent: { ...intent } })
  }

  #refund({
    intentId,
    amount,
    refundId,
  }: {
    intentId: string
    amount: number
    refundId: string | null
  }): RefundAnswer {
    if (amount > this.#leftOf(intentId)) return refusal('charge_already_refunded', null, null)
    const { scheduler, random } = this.#deps
    this.#made += 1
    const pends = random.chance(0.4)
    const refund: Refund = {
      ...{ id: `re_${this.#made}`, intentId, amount, refundId },
      status: pends ? 'pending' : 'succeeded',
    }
    this.refunds.set(refund.id, refund)
    this.#tellRefund(refund)
    if (pends) {
      scheduler.plan(1_000 + random.next() * 30_000, () => {
        refund.status = 'succeeded'
        this.#tellRefund(refund)
      })
    }
    if (random.chance(this.#deps.lateFailures)) this.#failLater(refund)
    return { tag: 'refund', refund: refundFacts(refund) }
  }

  /** The bank returns it, after it had succeeded: not more often than the shop asks again. */
  #failLater(refund: Refund): void {
    const { intentId } = refund
    const { scheduler, random } = this.#deps
    const before = this.#returned.get(intentId) ?? 0
    if (before === returnedMax) return
    this.#returned.set(intentId, before + 1)
    this.undecided += 1
    scheduler.plan(35_000 + random.next() * 60_000, () => {
      this.undecided -= 1
      refund.status = 'failed'
      this.#tellRefund(refund)
    })
  }

  #tellRefund(refund: Refund): void {
    this.#deps.story.note('provider', refund.id, refund.status, refund.refundId)
    this.#deps.onHappening({ of: 'refund', refund: { ...refund } })
    const { intentId } = refund
    const refunded = (this.intents.get(intentId)?.received ?? 0) - this.#leftOf(intentId)
    if (refund.status !== 'failed') this.#deps.onHappening({ of: 'charge', intentId, refunded })
  }

  /** What was taken and is neither back nor on its way. */
  #leftOf(intentId: string): number {
    const given = this.#refundsOf(intentId).filter(({ status }) => status !== 'failed')
    const received = this.intents.get(intentId)?.received ?? 0
    return received - given.reduce((sum, refund) => sum + refund.amount, 0)
  }

  #refundsOf(intentId: string): Refund[] {
    return [...this.refunds.values()].filter((each) => each.intentId === intentId)
  }
}
