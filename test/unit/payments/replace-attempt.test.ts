// The rules of another card: when it may take the place of one at its bank, and whose a success is.
import assert from 'node:assert/strict'
import test from 'node:test'
import { decideSettlement } from '../../../src/flows/pay/money/decide-settlement.ts'
import type { AttemptFacts, MoneyFacts } from '../../../src/flows/pay/money/facts.ts'
import { decideReplacement } from '../../../src/flows/pay/money/replace-attempt.ts'
import type { IntentFacts } from '../../../src/payments/gateway.ts'

const cards = ['pm_first', 'pm_second', 'pm_third', 'pm_fourth']
const attemptsOf = (...states: AttemptFacts['state'][]): AttemptFacts[] =>
  states.map((state, i) => ({
    ...{ attempt: i + 1, state, paymentMethodId: cards[i] ?? '' },
    ...{ processing: false, cardKnown: false },
  }))

const whose = { buyerId: 'b', number: 7 }

function facts(attempts: AttemptFacts[], more: Partial<MoneyFacts> = {}): MoneyFacts {
  return {
    checkoutId: 'c',
    order: { state: 'paying', outcome: null, overdue: false, ...whose },
    payment: {
      ...{ intentId: 'pi_1', amount: 500, currency: 'EUR', status: 'open', captured: 0 },
      ...{ refunded: 0, reclaiming: false },
    },
    attempts,
    ...more,
  }
}

function intent(status: IntentFacts['status'], paymentMethodId: string | null): IntentFacts {
  return {
    ...{ id: 'pi_1', status, amount: 500, currency: 'EUR', checkoutId: 'c', clientSecret: 's' },
    ...{ amountReceived: status === 'succeeded' ? 500 : 0, declineCode: null, paymentMethodId },
    card: null,
  }
}

const other = { paymentMethodId: 'pm_second', queue: false, details: null }
const rules = { declinesMax: 3 }
const replace = (known: MoneyFacts, asked = other) => decideReplacement(known, asked, rules).tag

test('a buyer whose bank asks may take another card; while it is being asked, it is joined', () => {
  const asked = facts(attemptsOf('requires_action'))
  const decided = decideReplacement(asked, other, rules)
  assert.ok(decided.tag === 'begun')
  assert.deepEqual(decided.change, {
    attempt: { attempt: 1, state: 'replaced' },
    begin: { attempt: 2, ...other },
  })
  assert.deepEqual([decided.attempt.attempt, decided.attempt.intentId], [2, 'pi_1'])
  assert.equal(replace(asked, { ...other, paymentMethodId: 'pm_first' }), 'unchanged')
  for (const state of ['waiting', 'pending', 'declined', 'succeeded'] as const) {
    assert.equal(replace(facts(attemptsOf(state))), 'unchanged', state)
  }
})

test('no card is charged for a hold that has ended, or whose deadline has passed', () => {
  const attempts = attemptsOf('requires_action')
  const orders = [
    { state: 'paying', outcome: null, overdue: true, ...whose },
    { state: 'expired', outcome: 'expired', overdue: true, ...whose },
    { state: 'paid', outcome: 'confirmed', overdue: false, ...whose },
  ] as const
  for (const order of orders) {
    assert.equal(replace(facts(attempts, { order })), 'unchanged', order.state)
  }
})

test('a card that was replaced counts against the attempts of a checkout', () => {
  assert.equal(replace(facts(attemptsOf('declined', 'requires_action')), wanted(2)), 'begun')
  assert.equal(
    replace(facts(attemptsOf('declined', 'replaced', 'requires_action')), wanted(3)),
    'none left',
  )
  const verdict = declined('pm_second')
  const news = { tag: 'verdict', verdict, attempt: 2 } as const
  const { settlement } = decideSettlement(facts(attemptsOf('replaced', 'pending')), news, rules)
  assert.deepEqual(settlement, { tag: 'declined', declineCode: 'x', attemptsLeft: 1 })
})

test('the late yes of the first bank is credited to the first card, and pays once', () => {
  const late = facts(attemptsOf('replaced', 'pending'))
  const { settlement, change } = decideSettlement(late, succeeded('pm_first'), rules)
  assert.equal(settlement.tag, 'confirmed')
  assert.deepEqual(change?.attempt, { attempt: 1, state: 'succeeded', card: null })
  assert.deepEqual(change?.otherAttempt, { attempt: 2, state: 'abandoned' })
  assert.equal(change?.history, undefined, 'the attempt is the entry of the history')
  for (const name of ['pm_second', 'pm_unknown', null]) {
    const paid = decideSettlement(late, succeeded(name), rules).change
    assert.deepEqual([paid?.attempt?.attempt, paid?.otherAttempt], [2, undefined])
  }
})

test('what the bank says of a card that was replaced is not held against the card that follows', () => {
  const known = facts(attemptsOf('replaced', 'pending'))
  const asks = { tag: 'requires_action', intent: intent('requires_action', 'pm_first') } as const
  for (const verdict of [asks, declined('pm_first')]) {
    const { change } = decideSettlement(known, { tag: 'verdict', verdict, attempt: 2 }, rules)
    assert.equal(change, null, verdict.tag)
  }
})

const declined = (paymentMethodId: string) =>
  ({
    tag: 'declined',
    declineCode: 'x',
    intent: intent('requires_payment_method', paymentMethodId),
  }) as const
const wanted = (n: number) => ({ ...other, paymentMethodId: cards[n] ?? '' })
const succeeded = (paymentMethodId: string | null) =>
  ({
    tag: 'verdict',
    verdict: { tag: 'succeeded', intent: intent('succeeded', paymentMethodId) },
    attempt: null,
  }) as const
