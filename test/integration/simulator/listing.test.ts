import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { startTestSimulator } from '../../support/simulator.ts'

const price = { amount: 1999, currency: 'usd' } as const

test('lists go from the newest to the oldest, page by page', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const ids: string[] = []
  for (let made = 0; made < 7; made += 1) {
    ids.unshift((await stripe.paymentIntents.create(price)).id)
  }
  const first = await stripe.paymentIntents.list({ limit: 3 })
  assert.deepEqual(
    first.data.map(({ id }) => id),
    ids.slice(0, 3),
  )
  assert.equal(first.has_more, true)
  const walked: string[] = []
  for await (const { id } of stripe.paymentIntents.list({ limit: 2 })) walked.push(id)
  assert.deepEqual(walked, ids)
  const before = await stripe.paymentIntents.list({ limit: 2, ending_before: ids[5] ?? '' })
  assert.deepEqual(
    before.data.map(({ id }) => id),
    ids.slice(3, 5),
  )
  await assert.rejects(stripe.paymentIntents.list({ limit: 101 }), { param: 'limit' })
  await assert.rejects(stripe.paymentIntents.list({ starting_after: 'pi_unknown' }), {
    code: 'resource_missing',
  })
})

test('created bounds a list on both sides', async (t) => {
  let offsetMs = 0
  const clock = { ...systemClock, now: () => 1_800_000_000_000 + offsetMs }
  const { stripe } = await startTestSimulator(t, { clock })
  for (offsetMs = 0; offsetMs < 5_000; offsetMs += 1_000) await stripe.paymentIntents.create(price)
  const seconds = async (created: object | number) =>
    (await stripe.paymentIntents.list({ created })).data.map((each) => each.created - 1_800_000_000)
  assert.deepEqual(await seconds({ gte: 1_800_000_003 }), [4, 3])
  assert.deepEqual(await seconds({ gt: 1_800_000_003 }), [4])
  assert.deepEqual(await seconds({ lt: 1_800_000_002 }), [1, 0])
  assert.deepEqual(await seconds({ gt: 1_800_000_000, lte: 1_800_000_002 }), [2, 1])
  assert.deepEqual(await seconds(1_800_000_002), [2])
})

test('charges, refunds and events are found by what they belong to', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const card = { confirm: true, payment_method: 'pm_card_visa' }
  const mine = await stripe.paymentIntents.create({ ...price, ...card })
  await stripe.paymentIntents.create({ ...price, ...card })
  await stripe.refunds.create({ payment_intent: mine.id })
  const of = { payment_intent: mine.id }
  assert.equal((await stripe.charges.list(of)).data.length, 1)
  assert.equal((await stripe.refunds.list(of)).data.length, 1)
  const { data } = await stripe.events.list({ types: ['payment_intent.succeeded'], limit: 5 })
  assert.equal(data.length, 2)
  const [newest] = data
  assert.ok(newest)
  assert.equal((await stripe.events.retrieve(newest.id)).type, 'payment_intent.succeeded')
})

test('events are read forward from the last one known, by type and by time', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const card = { confirm: true, payment_method: 'pm_card_visa' }
  for (let made = 0; made < 4; made += 1) await stripe.paymentIntents.create({ ...price, ...card })
  const all = (await stripe.events.list({ limit: 100 })).data.map(({ id }) => id)
  assert.equal(all.length, 8)
  const known = all.at(-1) ?? ''
  const first = await stripe.events.list({ ending_before: known, limit: 3 })
  assert.deepEqual(
    first.data.map(({ id }) => id),
    all.slice(4, 7),
  )
  assert.equal(first.has_more, true)
  const paid = await stripe.events.list({ type: 'payment_intent.s*' })
  assert.equal(paid.data.length, 4)
  const oldest = await stripe.events.list({ created: { lt: 1 } })
  assert.deepEqual(oldest.data, [])
})
