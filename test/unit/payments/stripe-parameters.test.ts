import assert from 'node:assert/strict'
import test from 'node:test'
import {
  confirmParameters,
  delayedTypes,
  intentParameters,
  statementSuffixOf,
} from '../../../src/payments/stripe-parameters.ts'

const charge = {
  ...{ checkoutId: 'c', buyerId: 'b', orderNumber: 100_001, amount: 500, currency: 'EUR' },
}

test('what stands on the statement fits, and has a letter and nothing that is forbidden', () => {
  for (const number of [1, 999, 100_001, 1_234_567, 123_456_789]) {
    const suffix = statementSuffixOf(number) ?? ''
    assert.match(suffix, /^[A-Z]+ ?\d+$/)
    assert.ok(suffix.length <= 10 && suffix.endsWith(String(number)), suffix)
  }
  assert.equal(statementSuffixOf(12_345_678_901), null)
})

test('methods that take days are excluded, unless the shop takes them', () => {
  const { excluded_payment_method_types: excluded } = intentParameters(charge, 'immediate')
  assert.deepEqual(excluded, [...delayedTypes])
  assert.ok(!('excluded_payment_method_types' in intentParameters(charge, 'any')))
})

test('an attempt that is repeated is told in the same words; what is not known is not said', () => {
  assert.deepEqual(intentParameters(charge, 'any'), intentParameters({ ...charge }, 'any'))
  assert.deepEqual(confirmParameters('pm', null), {
    payment_method: 'pm',
    expand: ['payment_method'],
  })
  const bare = intentParameters({ ...charge, orderNumber: null }, 'any')
  assert.deepEqual(bare.metadata, { checkoutId: 'c', buyerId: 'b' })
  assert.ok(!('description' in bare) && !('statement_descriptor_suffix' in bare))
})
