// Which calls of a charge were taken from the budget before, and which wait for their place.
import assert from 'node:assert/strict'
import test from 'node:test'
import { charge } from '../../../src/payments/charge.ts'
import type { CallOptions, PaymentGateway, Unknown } from '../../../src/payments/gateway.ts'
import { manualClock } from '../../support/manual-clock.ts'

const away: Unknown = { tag: 'unknown', why: 'away', message: 'no answer' }

async function countedCalls(counted?: boolean): Promise<(boolean | undefined)[]> {
  const calls: (boolean | undefined)[] = []
  const other = async () => away
  const gateway: PaymentGateway = {
    async createAndConfirm(_, options: CallOptions = {}) {
      calls.push(options.counted)
      return away
    },
    confirmIntent: other,
    burnKey: other,
    findIntents: other,
    checkAccess: other,
    retrieveIntent: other,
    cancelIntent: other,
    createRefund: other,
    listRefunds: other,
  }
  const clock = { ...manualClock(), sleep: async () => {} }
  const patience = { tries: 3, tryMs: 10, totalMs: 10_000 }
  const deps = { gateway, clock, random: () => 0, patience }
  await charge(counted === undefined ? deps : { ...deps, counted }, {
    ...{ checkoutId: 'c', attempt: 1, paymentMethodId: 'pm', intentId: null },
    ...{ buyerId: 'b', orderNumber: 7, details: null, sentSecondsAgo: 0 },
    ...{ amount: 500, currency: 'EUR', again: false, keyRound: 0 },
  })
  return calls
}

test('the queue has taken the first call from the budget, and nobody those that repeat it', async () => {
  assert.deepEqual(await countedCalls(), [true, false, false])
})

test('whoever resumes an attempt outside of the queue has taken none', async () => {
  assert.deepEqual(await countedCalls(false), [false, false, false])
})
