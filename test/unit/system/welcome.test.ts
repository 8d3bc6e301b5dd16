// `npm start` prints all that a person needs who wants to try a payment.
import assert from 'node:assert/strict'
import test from 'node:test'
import { findPaymentMethod } from '../../../dev/simulator/payment-methods.ts'
import { welcome } from '../../../dev/welcome.ts'

const place = { apiUrl: 'http://127.0.0.1:3000', dataDir: '.data', demoShop: true }

test('a person who starts the shop sees test cards that exist, and where the bank asks', () => {
  const text = welcome({ ...place, stripeUrl: 'http://127.0.0.1:12111' })
  const cards = [...new Set(text.match(/pm_\w+/g))]
  assert.ok(cards.length >= 5)
  for (const card of cards) assert.ok(findPaymentMethod(card), card)
  assert.match(text, /http:\/\/127\.0\.0\.1:12111\/_sim\/bank\/ID\?client_secret=/)
})

test('a shop with the real provider shows no test cards', () => {
  const text = welcome({ ...place, stripeUrl: undefined })
  assert.doesNotMatch(text, /simulator|_sim|pm_card_chargeDeclined/)
})
