import assert from 'node:assert/strict'
import test from 'node:test'
import { manualClock } from '../../support/manual-clock.ts'
import { startTestSimulator } from '../../support/simulator.ts'

const price = { amount: 900, currency: 'usd' }
const card = { confirm: true, payment_method: 'pm_card_visa' }

test('PaymentIntents are found by metadata, status and amount, newest first and page by page', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const make = (checkout: string, more: object = {}) =>
    stripe.paymentIntents.create({ ...price, metadata: { checkout }, ...more })
  const open = await make('c-1')
  const paid = await make('c-1', card)
  const dear = await make("it's", { amount: 5000 })
  const find = async (query: string) =>
    (await stripe.paymentIntents.search({ query })).data.map(({ id }) => id)
  assert.deepEqual(await find("metadata['checkout']:'c-1'"), [paid.id, open.id])
  assert.deepEqual(await find('metadata["checkout"]:"c-1" AND status:"succeeded"'), [paid.id])
  assert.deepEqual(await find('metadata["checkout"]:"c-1" -status:"succeeded"'), [open.id])
  assert.deepEqual(await find("amount>=5000 OR status:'succeeded'"), [dear.id, paid.id])
  assert.deepEqual(await find("metadata['checkout']:'it\\'s'"), [dear.id])
  assert.deepEqual(await find('metadata["other"]:null'), [dear.id, paid.id, open.id])
  const walked: string[] = []
  const all = stripe.paymentIntents.search({ query: 'currency:"usd"', limit: 1 })
  for await (const { id } of all) walked.push(id)
  assert.deepEqual(walked, [dear.id, paid.id, open.id])
})

test('a search that cannot be read is refused', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const refused = (query: string, message: RegExp) =>
    assert.rejects(stripe.paymentIntents.search({ query }), { statusCode: 400, message })
  await refused('checkout', /unable to parse/)
  await refused("status:'succeeded' AND", /unable to parse/)
  await refused("colour:'red'", /unsupported search field/)
  await refused("amount>1 AND amount<2 OR status:'canceled'", /AND and OR/)
})

test('a search sees a change only after its delay', async (t) => {
  const clock = manualClock()
  const { stripe, script } = await startTestSimulator(t, { clock })
  const old = await stripe.paymentIntents.create(price)
  await script('PUT', 'search', { delayMs: 60_000 })
  await stripe.paymentIntents.confirm(old.id, { payment_method: 'pm_card_visa' })
  const fresh = await stripe.paymentIntents.create(price)
  const find = async () =>
    (await stripe.paymentIntents.search({ query: 'amount:900' })).data.map(({ id, status }) => [
      id,
      status,
    ])
  assert.deepEqual(await find(), [[old.id, 'requires_payment_method']])
  clock.advance(60_000)
  const now = [
    [fresh.id, 'requires_payment_method'],
    [old.id, 'succeeded'],
  ]
  assert.deepEqual(await find(), now)
  await script('PUT', 'search', { delayMs: 0 })
  assert.deepEqual(await find(), now)
})
