// The gateway behind the budget: which limit a call counts against, and how long it may wait.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  type CallBudget,
  type Endpoint,
  unlimitedBudget,
} from '../../../src/payments/budget/budget.ts'
import { budgetedGateway } from '../../../src/payments/budgeted-gateway.ts'
import type { CallOptions, PaymentGateway, Unknown } from '../../../src/payments/gateway.ts'
import { manualClock } from '../../support/manual-clock.ts'

function world({ grants = true, waitMs = 0 } = {}) {
  const clock = manualClock()
  const taken: { endpoint: Endpoint; urgency: string; maxMs: number }[] = []
  const called: { name: string; timeoutMs: number | undefined }[] = []
  const budget: CallBudget = {
    ...unlimitedBudget,
    limited: true,
    take: async (endpoint, options) => {
      taken.push({ endpoint, ...options })
      clock.advance(waitMs)
      return grants
    },
  }
  const answer: Unknown = { tag: 'unknown', why: 'away', message: 'of the provider' }
  const call =
    (name: string) =>
    async (_request: unknown, options: CallOptions = {}) => {
      called.push({ name, timeoutMs: options.timeoutMs })
      return answer
    }
  const gateway: PaymentGateway = {
    createAndConfirm: call('createAndConfirm'),
    burnKey: call('burnKey'),
    findIntents: call('findIntents'),
    checkAccess: async () => null,
    confirmIntent: call('confirmIntent'),
    retrieveIntent: call('retrieveIntent'),
    cancelIntent: call('cancelIntent'),
    createRefund: call('createRefund'),
    listRefunds: call('listRefunds'),
  }
  const placed = budgetedGateway(gateway, { budget, urgency: 'background', clock })
  return { gateway, placed, taken, called, clock }
}

const intent = {
  amount: 5,
  currency: 'EUR',
  checkoutId: 'c',
  key: 'k',
  paymentMethodId: 'pm',
  ...{ buyerId: 'b', orderNumber: 7, details: null },
}

test('each call counts against its endpoint', async () => {
  const { placed, taken, called } = world()
  await placed.createAndConfirm(intent)
  await placed.confirmIntent({ ...intent, intentId: 'pi' })
  await placed.cancelIntent('pi')
  await placed.retrieveIntent('pi')
  await placed.createRefund({ intentId: 'pi', amount: 5, refundId: 'r', key: 'k' })
  await placed.listRefunds('pi')
  assert.deepEqual(
    taken.map(({ endpoint }, i) => [called[i]?.name, endpoint]),
    [
      ['createAndConfirm', 'payment_intents'],
      ['confirmIntent', 'payment_intents'],
      ['cancelIntent', 'payment_intents'],
      ['retrieveIntent', 'payment_intents_read'],
      ['createRefund', 'refunds'],
      ['listRefunds', 'lists'],
    ],
  )
  assert.ok(taken.every(({ urgency }) => urgency === 'background'))
})

test('a call waits for half of its time at most, and has the rest for itself', async () => {
  const { placed, taken, called } = world({ waitMs: 300 })
  await placed.createAndConfirm(intent, { timeoutMs: 1_000 })
  assert.equal(taken[0]?.maxMs, 500)
  assert.equal(called[0]?.timeoutMs, 700)
})

test('a call that finds no place is not made, and its answer is unknown', async () => {
  const { placed, called } = world({ grants: false })
  const answer = await placed.createAndConfirm(intent)
  assert.equal(answer.tag, 'unknown')
  assert.notEqual(answer.tag === 'unknown' && answer.message, 'of the provider')
  assert.deepEqual(called, [])
})

test('a call that its caller has counted does not wait', async () => {
  const { placed, taken, called } = world({ grants: false })
  await placed.createAndConfirm(intent, { timeoutMs: 1_000, counted: true })
  assert.deepEqual(taken, [])
  assert.equal(called.length, 1)
})

test('without limits the gateway is used as it is', () => {
  const { gateway, clock } = world()
  const parts = { budget: unlimitedBudget, urgency: 'buyer', clock } as const
  assert.equal(budgetedGateway(gateway, parts), gateway)
})
