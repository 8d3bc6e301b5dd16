// A crowd that pays at once behind the provider's limits: everybody is paid, in order, and nobody loses a unit.
import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { type Bought, type PayingSystem, startPayingSystem } from '../../support/paying.ts'
import { endLeases } from '../../support/purchases/change.ts'

const perSecond = 20
const limited = {
  STRIPE_REQUESTS_PER_SECOND: String(4 * perSecond),
  STRIPE_REQUESTS_PER_ENDPOINT: String(perSecond),
}

async function startLimited(t: Parameters<typeof startPayingSystem>[0]): Promise<PayingSystem> {
  const shop = await startPayingSystem(t, { settings: limited })
  await shop.simulator.script('PUT', 'rate_limits', { endpointPerSecond: perSecond })
  return shop
}

const confirm = (shop: PayingSystem, { id, buyer }: Bought) =>
  shop.call('POST', `/api/checkouts/${id}/confirm`, {
    buyer,
    body: { paymentMethodId: 'pm_card_visa' },
    headers: { prefer: 'wait=0' },
  })

async function reserveCrowd(shop: PayingSystem, count: number): Promise<Bought[]> {
  const sku = await shop.addSku({ units: count })
  return Promise.all(Array.from({ length: count }, () => shop.reserveOf(sku)))
}

test('a crowd that pays at once behind the limits is paid, and told its place', async (t) => {
  const shop = await startLimited(t)
  const crowd = await reserveCrowd(shop, 3 * perSecond)
  const answers = await Promise.all(crowd.map((each) => confirm(shop, each)))
  const told = answers.filter(({ status }) => status === 202)
  assert.ok(told.length > 0, 'nobody had to wait')
  assert.ok(answers.every(({ status }) => status === 200 || status === 202))
  for (const { body, headers } of told) {
    assert.equal(body.status, 'paying')
    assert.ok(Number(body.pollAfterMs) >= 1_000)
    assert.ok(Number(headers.get('retry-after')) >= 1)
  }
  for (const { id, buyer } of crowd.slice(-1)) {
    const { body, headers } = await shop.call('GET', `/api/checkouts/${id}`, { buyer })
    if (body.status !== 'paying') continue
    assert.ok(Number(body.pollAfterMs) >= 1_000)
    assert.ok(Number(headers.get('retry-after')) >= 1)
  }
  const places = told.map(({ body }) => body.position).filter((place) => place !== null)
  assert.ok(places.length > 0, 'nobody was told a place')
  for (const { id } of crowd) {
    await shop.becomes(id, { checkout: 'confirmed', order: 'paid' }, 30_000)
  }
  const { chargedTwice } = await shop.simulator.script('GET', 'summary?by=checkoutId')
  assert.deepEqual(chargedTwice, [])
})

test('places survive the death of the process that took them: a worker drives them in order', async (t) => {
  const shop = await startLimited(t)
  await shop.stopWorkers()
  const crowd = await reserveCrowdWithout(shop)
  const { store } = shop.money()
  for (const { id, buyer } of crowd) {
    const request = { checkoutId: id, buyerId: buyer, paymentMethodId: 'pm_card_visa' }
    assert.ok(await store.begin({ ...request, queue: true }))
  }
  const places = await Promise.all(crowd.map(({ id, buyer }) => store.view(id, buyer)))
  assert.deepEqual(
    places.map((view) => view?.position),
    crowd.map((_, i) => i),
  )
  // One had its turn when its process died.
  const [taken] = await store.takeWaiting(1)
  assert.equal(taken?.checkoutId, crowd[0]?.id)
  await endLeases(shop.pool)
  await shop.startWorker()
  for (const { id } of crowd) {
    await shop.becomes(id, { checkout: 'confirmed', order: 'paid' }, 30_000)
  }
  await eventually(async () => {
    const order = await shop.pool.any(sql.type(z.object({ id: z.string() }))`
      select checkout_id as id from payment_attempts where attempt = 1 order by sent_at, checkout_id`)
    assert.equal(order.length, crowd.length)
  })
})

/** Reserved before the worker that commits them is gone. */
async function reserveCrowdWithout(shop: PayingSystem): Promise<Bought[]> {
  await shop.startWorker()
  const crowd = await reserveCrowd(shop, 5)
  await shop.stopWorkers()
  return crowd
}

test('a place that is put back is where it was', async (t) => {
  const shop = await startLimited(t)
  const crowd = await reserveCrowd(shop, 3)
  await shop.stopWorkers()
  const { store } = shop.money()
  for (const { id, buyer } of crowd) {
    const request = { checkoutId: id, buyerId: buyer, paymentMethodId: 'pm_card_visa' }
    await store.begin({ ...request, queue: true })
  }
  const taken = await store.takeWaiting(2)
  await store.putBack(taken)
  const again = await store.takeWaiting(3)
  assert.deepEqual(
    again.map(({ checkoutId }) => checkoutId),
    crowd.map(({ id }) => id),
  )
  assert.deepEqual(
    again.map((each) => each.again),
    [true, true, false],
  )
})
