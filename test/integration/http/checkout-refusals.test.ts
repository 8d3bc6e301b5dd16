// When a checkout is refused, in which order the reasons are looked at, and that a refusal creates nothing.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { moveSale, openSku } from '../../support/on-sale.ts'
import { type Answer, startTestSystem } from '../../support/system.ts'

const inMs = (ms: number) => new Date(systemClock.now() + ms)
const hour = 3_600_000

function isRefusal(answer: Answer, code: string, members: Record<string, unknown>): void {
  assert.equal(answer.status, 409, JSON.stringify(answer.body))
  assert.equal(answer.body.code, code)
  for (const [name, value] of Object.entries(members)) assert.equal(answer.body[name], value, name)
}

test('a sale that is not open yet, or has ended, sells nothing', async (t) => {
  const shop = await startTestSystem(t)
  const startsAt = inMs(hour)
  const early = await openSku(shop, { startsAt, endsAt: inMs(2 * hour), limit: 1 })
  const late = await openSku(shop, { startsAt: inMs(-2 * hour), endsAt: inMs(-hour), limit: 1 })
  const cases = [
    [early, 'sale_not_open', { sku: early, startsAt: startsAt.toISOString() }],
    [late, 'sale_ended', { sku: late }],
  ] as const
  for (const [sku, code, members] of cases) {
    isRefusal(await shop.place(newId(), [{ sku, quantity: 1 }]), code, members)
    const before = await shop.traces(sku)
    // Also beyond the limit and the stock: the window is looked at first.
    isRefusal(await shop.place(newId(), [{ sku, quantity: 500 }], { wait: 5 }), code, members)
    assert.deepEqual(await shop.traces(sku), before)
  }
})

test('a sale opens and ends by the clock while buyers ask', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await openSku(shop, { units: 1_000, startsAt: inMs(hour), endsAt: inMs(2 * hour) })
  const buyer = newId()
  const codes: unknown[] = []
  /** Asks until the answer is `code`; notes every answer that is another one than the last. */
  const askUntil = (code: string) =>
    eventually(async () => {
      const { status, body } = await shop.place(buyer, [{ sku, quantity: 1 }])
      const answer = status === 202 ? 'admitted' : body.code
      if (codes.at(-1) !== answer) codes.push(answer)
      return answer === code
    })
  await askUntil('sale_not_open')
  // From here on nothing but the clock opens the sale, and then ends it, however slow the machine is.
  await moveSale(shop, sku, { startsAt: inMs(300) })
  await askUntil('admitted')
  await moveSale(shop, sku, { endsAt: inMs(300) })
  await askUntil('sale_ended')
  assert.deepEqual(codes, ['sale_not_open', 'admitted', 'sale_ended'])
})

test('a replay is looked at before the window, the limit before the units', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await openSku(shop, { units: 3, limit: 2 })
  const [buyer, key, items] = [newId(), newId(), [{ sku, quantity: 2 }]]
  const placed = await shop.place(buyer, items, { key, wait: 10 })
  assert.equal(placed.status, 201, JSON.stringify(placed.body))
  await shop.settledAt(sku, 1)
  const before = await shop.traces(sku)
  isRefusal(await shop.place(buyer, items), 'purchase_limit', { sku, limit: 2 })
  isRefusal(await shop.place(newId(), [{ sku, quantity: 3 }]), 'purchase_limit', { sku, limit: 2 })
  isRefusal(await shop.place(newId(), items), 'sold_out', { sku, available: 1 })
  assert.deepEqual(await shop.traces(sku), before)
  assert.equal((await shop.place(buyer, items, { key })).status, 201)
  await moveSale(shop, sku, { endsAt: inMs(-1) })
  isRefusal(await shop.place(newId(), [{ sku, quantity: 1 }]), 'sale_ended', { sku })
  const replay = await shop.place(buyer, items, { key })
  assert.equal(replay.status, 201)
  assert.equal(replay.body.id, placed.body.id)
})

test('a wish beyond the limit is told the limit, also when the shop refuses from memory', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await openSku(shop, { units: 1, limit: 2 })
  assert.equal((await shop.place(newId(), [{ sku, quantity: 1 }], { wait: 10 })).status, 201)
  for (let round = 0; round < 10; round++) {
    const [tooMany] = await Promise.all([
      shop.place(newId(), [{ sku, quantity: 3 }]),
      ...Array.from({ length: 5 }, () => shop.place(newId(), [{ sku, quantity: 1 }])),
    ])
    isRefusal(tooMany, 'purchase_limit', { sku, limit: 2 })
  }
})

test('a limit holds for one buyer who asks in parallel', async (t) => {
  const shop = await startTestSystem(t, { apis: 2 })
  const sku = await openSku(shop, { units: 100, limit: 3 })
  const buyer = newId()
  const answers = await Promise.all(
    Array.from({ length: 30 }, (_, i) =>
      shop.place(buyer, [{ sku, quantity: 1 }], { wait: 20, url: shop.urls[i % 2] ?? '' }),
    ),
  )
  assert.equal(answers.filter(({ status }) => status === 201).length, 3)
  for (const answer of answers.filter(({ status }) => status !== 201)) {
    isRefusal(answer, 'purchase_limit', { sku, limit: 3 })
  }
  await shop.settledAt(sku, 97)
})

test('exactly the stock is sold to more buyers than there are units', async (t) => {
  const shop = await startTestSystem(t, { apis: 2 })
  const sku = await openSku(shop, { units: 40, limit: 2 })
  const answers = await Promise.all(
    Array.from({ length: 120 }, (_, i) =>
      shop.place(newId(), [{ sku, quantity: 1 + (i % 2) }], {
        wait: 20,
        url: shop.urls[i % 2] ?? '',
      }),
    ),
  )
  const sold = answers
    .filter(({ status }) => status === 201)
    .reduce((sum, { body }) => sum + (body.items[0]?.quantity ?? 0), 0)
  const ledger = await shop.ledgerOf(sku)
  assert.equal(ledger.held, sold)
  assert.ok(ledger.free <= 1 && ledger.free + ledger.held === 40, JSON.stringify(ledger))
  for (const { status, body } of answers.filter(({ status: code }) => code !== 201)) {
    assert.deepEqual([status, body.code], [409, 'sold_out'])
  }
  await shop.settledAt(sku, ledger.free)
})

test('units that are given back or added are sold again at once', async (t) => {
  const shop = await startTestSystem(t, { apis: 2 })
  const sku = await openSku(shop, { units: 1, limit: 1 })
  const items = [{ sku, quantity: 1 }]
  const buyer = newId()
  const holder = await shop.place(buyer, items, { wait: 10 })
  assert.equal(holder.status, 201)
  const refusedByBoth = () =>
    eventually(async () => {
      for (const url of shop.urls) {
        isRefusal(await shop.place(newId(), items, { url }), 'sold_out', { sku })
      }
    })
  await refusedByBoth()
  await shop.call('DELETE', `/api/checkouts/${holder.body.id}`, { buyer })
  await shop.settledAt(sku, 1)
  const second = await eventually(async () => {
    const answer = await shop.place(newId(), items, { wait: 10, url: shop.urls[1] ?? '' })
    assert.equal(answer.status, 201, JSON.stringify(answer.body))
    return answer
  })
  assert.notEqual(second.body.id, holder.body.id)
  await refusedByBoth()
  await shop.restock(sku, 2)
  await shop.settledAt(sku, 2)
  await eventually(async () => assert.equal((await shop.place(newId(), items)).status, 202))
})

test('units are taken away only as far as they are free', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await openSku(shop, { units: 5 })
  await shop.place(newId(), [{ sku, quantity: 3 }], { wait: 10 })
  await shop.settledAt(sku, 2)
  await shop.restock(sku, -2)
  await shop.settledAt(sku, 0)
  isRefusal(await shop.place(newId(), [{ sku, quantity: 1 }]), 'sold_out', { sku, available: 0 })
  await shop.restock(sku, -1)
  await shop.restock(sku, 1)
  await eventually(async () => assert.equal((await shop.ledgerOf(sku)).on_hand, 3))
})
