/**
 * The rules of a payment: what the provider's word, or its silence, means for the order, its units and
 * its money. Pure. Called by confirm, by events and by the reconciler, any number of times, in any
 * order: each fact is settled once, because what was settled before decides.
 */
import { assert } from '../../../kernel/assert.ts'
import { canMove } from '../../../orders/order-state.ts'
import type { IntentFacts } from '../../../payments/gateway.ts'
import { cancelTopic } from '../../../platform/outbox.ts'
import { attemptsMax } from './attempts-max.ts'
import { type AttemptFacts, type MoneyChange, type MoneyFacts, openAttemptOf } from './facts.ts'
import { paidEvent } from './paid-event.ts'
import { attemptAbout, failuresOf } from './replace-attempt.ts'
import type { Settlement, Verdict } from './settlement.ts'

/** What the rules need to know of the shop. */
export interface MoneyRules {
  /** Declines until a checkout has failed. */
  readonly declinesMax: number
}

/**
 * Something that happened to a payment. `verdict`: the provider's word; its `attempt` is the one just
 * asked for, null when nobody knows (an event, a look). `refused`: the provider would not make the
 * attempt. `given up`: it cannot be reached, and the shop releases units then. `never charged`: it has
 * been made sure that no intent exists, or ever will, of a checkout that has ended.
 */
export type MoneyNews =
  | { readonly tag: 'verdict'; readonly verdict: Verdict; readonly attempt: number | null }
  | {
      readonly tag: 'refused'
      readonly attempt: number
      readonly why: string
      /** The intent as it stands, when the refusal is about its state. */
      readonly intent: IntentFacts | null
    }
  | { readonly tag: 'given up' }
  | { readonly tag: 'never charged' }

/** What the news comes to. Without a change, nothing is written. */
export interface Decided {
  readonly settlement: Settlement
  readonly change: MoneyChange | null
}

const unchanged: Decided = { settlement: { tag: 'unchanged' }, change: null }

/**
 * Decides what news of a payment changes. Two callers who bring the same news change it once.
 * `mismatch`: the word contradicts the order; an operator has to look at the payment. @throws Error
 * when no attempt of the checkout is known, AssertionError when money is late for what has not ended.
 */
export function decideSettlement(facts: MoneyFacts, news: MoneyNews, rules: MoneyRules): Decided {
  switch (news.tag) {
    case 'refused':
      return abandon(facts, news)
    case 'given up':
      return giveUp(facts)
    case 'never charged':
      return close(facts, null)
    case 'verdict':
      return hear(facts, news.verdict, news.attempt, rules)
  }
}

function hear(
  facts: MoneyFacts,
  verdict: Verdict,
  attempt: number | null,
  rules: MoneyRules,
): Decided {
  const { intent } = verdict
  const { payment } = facts
  if (payment === null) throw new Error(`no payment of intent ${intent.id} is known yet`)
  const wrong = contradiction(payment, intent)
  if (wrong !== null) {
    // Of another intent, only money that was taken is anybody's business.
    const ours = payment.intentId === null || payment.intentId === intent.id
    const flagged = ours || verdict.tag === 'succeeded'
    return {
      settlement: { tag: 'mismatch', why: wrong },
      change: flagged ? { payment: { flagged: `${intent.id}: ${wrong}` } } : null,
    }
  }
  switch (verdict.tag) {
    case 'succeeded':
      return capture(facts, intent)
    case 'canceled':
      return close(facts, intent.id)
    case 'declined':
      return decline(facts, verdict, attempt, rules)
    case 'requires_action':
      return askBuyer(facts, intent, attempt)
    case 'processing':
      return process(facts, intent, attempt)
  }
}

/** Why the intent is not the checkout's, or does not fit its order; null when it does. */
function contradiction(payment: NonNullable<MoneyFacts['payment']>, intent: IntentFacts) {
  if (payment.intentId !== null && payment.intentId !== intent.id) {
    return `the checkout's intent is ${payment.intentId}`
  }
  if (intent.amount !== payment.amount || intent.currency !== payment.currency) {
    return `it is over ${intent.amount} ${intent.currency}, the order over ${payment.amount} ${payment.currency}`
  }
  if (intent.status === 'succeeded' && intent.amountReceived !== payment.amount) {
    return `${intent.amountReceived} ${intent.currency} of ${payment.amount} were received`
  }
  return null
}

/** The answer that names a checkout's intent may be the first one that anybody has read. */
function adoption({ payment }: MoneyFacts, { id }: IntentFacts): MoneyChange | null {
  return payment?.status === 'open' && payment.intentId === null
    ? { payment: { intentId: id } }
    : null
}

function capture(facts: MoneyFacts, intent: IntentFacts): Decided {
  const { order, payment } = facts
  if (payment?.status === 'succeeded') return { ...unchanged, change: nameCard(facts, intent) }
  const payer = attemptAbout(facts, intent)
  const captured = {
    payment: {
      intentId: intent.id,
      status: 'succeeded',
      captured: intent.amountReceived,
    },
    ...credit(facts, payer, intent),
  } as const
  if (order !== null && canMove('payment', order.state, 'paid')) {
    return {
      settlement: { tag: 'confirmed' },
      change: {
        ...captured,
        order: { by: 'payment', to: 'paid', outcome: 'confirmed', reason: null },
        // The attempt that succeeds is the history's entry.
        ...(payer ? {} : { history: paidHistory }),
        units: { how: 'sell', reason: 'paid' },
        tell: [paidEvent(facts.checkoutId)],
      },
    }
  }
  assert(
    order === null || (order.outcome !== null && order.outcome !== 'confirmed'),
    `money for an order that is ${order?.state} is not late`,
  )
  // An expired hold is honoured if its units can be had again; who gave the checkout up, or was told
  // that the payment failed, gets the money back.
  const honour = order?.state === 'expired'
  return {
    settlement: { tag: 'late' },
    change: honour
      ? {
          ...captured,
          payment: { ...captured.payment, reclaiming: true },
          units: { how: 'reclaim', reason: 'late money' },
        }
      : { ...captured, refund: { reason: 'late' } },
  }
}

/** The attempt whose card paid has succeeded; one that took its place has come to nothing. */
function credit(
  facts: MoneyFacts,
  payer: AttemptFacts | null,
  { card }: IntentFacts,
): Pick<MoneyChange, 'attempt' | 'otherAttempt'> {
  if (!payer) return {}
  const open = openAttemptOf(facts)
  const paid = { attempt: { attempt: payer.attempt, state: 'succeeded', card } } as const
  if (!open || open === payer) return paid
  return { ...paid, otherAttempt: { attempt: open.attempt, state: 'abandoned' } }
}

/** An event may tell of the success before the answer does that names the card. */
function nameCard(facts: MoneyFacts, { card }: IntentFacts): MoneyChange | null {
  const paid = facts.attempts.find(({ state }) => state === 'succeeded')
  if (!paid || paid.cardKnown || card === null) return null
  return { attempt: { attempt: paid.attempt, state: 'succeeded', card } }
}

const paidHistory = { from: 'awaiting_payment', to: 'paid', reason: 'the payment succeeded' }

function decline(
  facts: MoneyFacts,
  { declineCode, intent }: Extract<Verdict, { tag: 'declined' }>,
  attempt: number | null,
  { declinesMax }: MoneyRules,
): Decided {
  const open = openAttemptOf(facts)
  // Without a number, a decline is believed only of an attempt that waits for its buyer, or its bank.
  const waits = open?.state === 'requires_action' || open?.processing
  const meant = attempt === null ? waits : open?.attempt === attempt
  if (!open || !meant || attemptAbout(facts, intent) !== open) return unchanged
  const left = Math.min(declinesMax - failuresOf(facts) - 1, attemptsMax - facts.attempts.length)
  const attemptsLeft = Math.max(0, left)
  const change: MoneyChange = {
    ...adoption(facts, intent),
    attempt: { attempt: open.attempt, state: 'declined', declineCode, card: intent.card },
  }
  return {
    settlement: { tag: 'declined', declineCode, attemptsLeft },
    change:
      facts.order?.state !== 'paying'
        ? change
        : attemptsLeft > 0
          ? { ...change, ...reserveAgain }
          : { ...change, ...failure(facts, 'declined', declineCode) },
  }
}

/** Only an attempt that nobody has heard of before; an event may be older than what is known. */
function askBuyer(facts: MoneyFacts, intent: IntentFacts, attempt: number | null): Decided {
  const { clientSecret } = intent
  const open = openAttemptOf(facts)
  const asked = open?.state === 'pending' && open.attempt === (attempt ?? open.attempt)
  const fresh = asked && attemptAbout(facts, intent) === open
  return {
    settlement: { tag: 'requires_action', clientSecret },
    change: fresh
      ? {
          ...adoption(facts, intent),
          attempt: {
            ...{ attempt: open.attempt, state: 'requires_action', clientSecret },
            card: intent.card,
          },
        }
      : null,
  }
}

/** The provider has it, and says yes or no later: in seconds or, with a debit, in days. */
function process(facts: MoneyFacts, intent: IntentFacts, attempt: number | null): Decided {
  const open = openAttemptOf(facts)
  const meant =
    open !== null && open.state !== 'waiting' && open.attempt === (attempt ?? open.attempt)
  const fresh = meant && !open.processing && attemptAbout(facts, intent) === open
  return {
    settlement: { tag: 'processing' },
    change: fresh
      ? {
          ...adoption(facts, intent),
          attempt: { attempt: open.attempt, state: 'pending', processing: true, card: intent.card },
        }
      : adoption(facts, intent),
  }
}

/** One intent for life: without it a checkout can never be paid. */
function close(facts: MoneyFacts, intentId: string | null): Decided {
  const { order, payment } = facts
  if (payment?.status !== 'open') return unchanged
  if (payment.intentId !== null && payment.intentId !== intentId) return unchanged
  const open = openAttemptOf(facts)
  const closed: MoneyChange = {
    payment: { status: 'canceled', ...(intentId === null ? {} : { intentId }) },
    ...(open ? { attempt: { attempt: open.attempt, state: 'abandoned' } } : {}),
  }
  const live = order !== null && canMove('payment', order.state, 'payment_failed')
  const why = 'canceled by the payment provider'
  return {
    settlement: { tag: 'canceled' },
    change: live
      ? {
          ...closed,
          ...failure({ ...facts, payment: { ...payment, status: 'canceled' } }, why, null),
        }
      : closed,
  }
}

/** The provider refused to make the attempt: it never happened. */
function abandon(
  facts: MoneyFacts,
  { attempt, why, intent }: Extract<MoneyNews, { tag: 'refused' }>,
): Decided {
  const open = openAttemptOf(facts)
  if (open?.attempt !== attempt || open.state === 'requires_action') return unchanged
  const change: MoneyChange = {
    ...(intent ? adoption(facts, intent) : {}),
    attempt: { attempt, state: 'abandoned', declineCode: why },
  }
  const last = attempt >= attemptsMax
  return {
    settlement: { tag: 'abandoned' },
    change:
      facts.order?.state !== 'paying'
        ? change
        : last
          ? { ...change, ...failure(facts, 'too many attempts', null) }
          : { ...change, ...reserveAgain },
  }
}

/**
 * The attempt stays without a verdict: the outbox cancels its intent, or what turns out to have been
 * charged comes back as late money.
 */
function giveUp(facts: MoneyFacts): Decided {
  if (facts.order?.state !== 'paying') return unchanged
  const why = 'payment provider unreachable'
  return { settlement: { tag: 'given up' }, change: failure(facts, why, null) }
}

const reserveAgain = { order: { by: 'payment', to: 'reserved' } } as const

/**
 * Ends an order that can be paid no more: its units go back, its buyer is told, and the provider is
 * told afterwards, by the outbox, that nothing more is to be charged.
 */
export function failure(
  { checkoutId, payment }: Pick<MoneyFacts, 'checkoutId' | 'payment'>,
  reason: string,
  declineCode: string | null,
): MoneyChange {
  const why = `payment failed: ${reason}`
  return {
    order: { by: 'payment', to: 'payment_failed', outcome: 'payment_failed', reason },
    history: { from: 'awaiting_payment', to: 'cancelled', reason: why },
    units: { how: 'release', reason: why },
    tell: [
      {
        topic: 'payment.failed',
        key: checkoutId,
        payload: { orderId: checkoutId, reason, declineCode },
      },
      ...(payment?.status === 'open'
        ? [{ topic: cancelTopic, key: checkoutId, payload: { checkoutId } }]
        : []),
    ],
  }
}
