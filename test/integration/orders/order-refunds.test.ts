// Sellers and operators give money back over HTTP: of a line, a part, or all; with or without the units.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { eventually } from '../../support/eventually.ts'
import { assertKept } from '../../support/guarantees.ts'
import { startOrderSystem } from '../../support/orders.ts'

test('a seller refunds their lines, and nobody gets more back than was paid', async (t) => {
  const shop = await startOrderSystem(t, { own: true })
  const [one, two] = [await shop.addSeller(), await shop.addSeller()]
  const a = await shop.addSku({ seller: one, units: 10 })
  const b = await shop.addSku({ seller: two, units: 10 })
  const paid = () =>
    shop.paid([
      { sku: a, quantity: 3 },
      { sku: b, quantity: 1 },
    ])
  const refund = (
    id: string,
    body: object,
    { as = one, role = 'seller' as 'seller' | 'admin', key = newId() } = {},
  ) =>
    shop.call('POST', `/api/orders/${id}/refunds`, {
      ...{ buyer: as, role, headers: { 'idempotency-key': key } },
      body: { restock: false, reason: 'broken', ...body },
    })
  const operator = { as: newId(), role: 'admin' as const }
  const codeOf = async (answer: ReturnType<typeof refund>) => {
    const { status, body } = await answer
    return `${status} ${body.code}`
  }
  const freeOf = (sku: string, free: number) => shop.settledAt(sku, free)

  await t.test('the same key refunds once, another body under it is refused', async () => {
    const { id, buyer } = await paid()
    const lines = [{ sku: a, quantity: 1 }]
    const key = newId()
    const asked = await Promise.all([
      refund(id, { lines }, { key }),
      refund(id, { lines }, { key }),
    ])
    assert.deepEqual(
      asked.map(({ status, body }) => [status, body.amount]),
      [
        [202, 1_000],
        [202, 1_000],
      ],
    )
    assert.equal(asked[0]?.body.id, asked[1]?.body.id)
    const replayed = asked.map(({ headers }) => headers.get('idempotency-replayed'))
    assert.deepEqual(new Set(replayed), new Set([null, 'true']))
    assert.equal(
      await codeOf(refund(id, { lines: [{ sku: a, quantity: 2 }] }, { key })),
      '422 idempotency_key_reused',
    )
    await shop.seen(id, buyer, ({ status, payment, items }) => {
      assert.deepEqual([status, payment?.refunded], ['paid', 1_000])
      assert.deepEqual(payment?.status, 'partly_refunded')
      assert.deepEqual(
        payment?.refunds.map(({ amount, reason, status: word }) => [amount, reason, word]),
        [[1_000, 'broken', 'succeeded']],
      )
      assert.deepEqual(
        items.map(({ status: word }) => word),
        ['paid', 'paid'],
      )
    })
    assert.deepEqual((await shop.look(id, two, 'seller')).body.payment?.refunds, [])
    assert.ok((await shop.audited(`order:${id}`)).includes('order.refunded'))
  })
  await t.test(
    'all that is left of a seller is theirs alone, and an operator refunds the rest',
    async () => {
      const { id, buyer } = await paid()
      assert.equal((await refund(id, { amount: 500 })).status, 202)
      assert.equal(await codeOf(refund(id, { amount: 2_501 })), '409 invalid_transition')
      assert.equal((await refund(id, {})).body.amount, 2_500)
      assert.equal(await codeOf(refund(id, {})), '409 invalid_transition')
      assert.equal((await refund(id, {}, operator)).body.amount, 1_000)
      assert.equal(await codeOf(refund(id, { amount: 1 }, operator)), '409 invalid_transition')
      await shop.seen(id, buyer, ({ status, items }) => {
        assert.equal(status, 'refunded')
        assert.deepEqual(
          items.map(({ status: word }) => word),
          ['refunded', 'refunded'],
        )
      })
    },
  )
  await t.test('what is somebody else’s, or names nothing, is refused', async () => {
    const { id, buyer } = await paid()
    const theirs = { lines: [{ sku: b, quantity: 1 }] }
    assert.equal(await codeOf(refund(id, theirs)), '404 not_found')
    assert.equal(await codeOf(refund(id, {}, { as: await shop.addSeller() })), '404 not_found')
    assert.equal(await codeOf(refund(newId(), {}, operator)), '404 not_found')
    assert.equal(
      await codeOf(refund(id, { lines: [{ sku: a, quantity: 4 }] })),
      '409 invalid_transition',
    )
    assert.equal(await codeOf(refund(id, { amount: 1, restock: true })), '400 validation_failed')
    const open = await shop.reserve()
    assert.equal(await codeOf(refund(open.id, {}, operator)), '409 invalid_transition')
    const races = await Promise.all(Array.from({ length: 4 }, () => refund(id, { amount: 2_000 })))
    assert.deepEqual(races.map(({ status }) => status).toSorted(), [202, 409, 409, 409])
    await shop.cancel(id, buyer)
    await shop.becomes(id, {
      order: 'refunded',
      refunded: 4_000,
      lines: ['cancelled', 'cancelled'],
    })
  })
  await t.test('a unit comes back once, whatever is combined', async () => {
    const [c, d] = [
      await shop.addSku({ seller: one, units: 5 }),
      await shop.addSku({ seller: two, units: 5 }),
    ]
    const { id, buyer } = await shop.paid([
      { sku: c, quantity: 3 },
      { sku: d, quantity: 1 },
    ])
    await freeOf(c, 2)
    const parcels = async () =>
      (await shop.look(id, buyer)).body.shipments
        .filter(({ status }) => status === 'planned')
        .flatMap(({ items }) => items.map(({ sku, quantity }) => [sku, quantity]))
        .toSorted()
    await eventually(async () => assert.equal((await parcels()).length, 2))
    assert.equal(
      (await refund(id, { lines: [{ sku: c, quantity: 1 }], restock: true })).status,
      202,
    )
    await freeOf(c, 3)
    assert.deepEqual(
      await parcels(),
      [
        [c, 2],
        [d, 1],
      ].toSorted(),
    )
    assert.equal((await refund(id, { lines: [{ sku: c, quantity: 1 }] })).status, 202)
    assert.equal(
      (await refund(id, { restock: true }, { ...operator, as: two, role: 'seller' })).status,
      202,
    )
    await freeOf(d, 5)
    assert.equal((await shop.move(id, one, 'processing')).status, 200)
    assert.equal((await shop.move(id, two, 'processing')).status, 409, 'it was taken back')
    assert.equal((await shop.look(id, buyer)).body.status, 'processing')
    await shop.cancel(id, buyer)
    await freeOf(c, 5)
    await shop.becomes(id, { order: 'refunded', refunded: 4_000 })
    assert.equal(await codeOf(refund(id, { restock: true }, operator)), '409 invalid_transition')
  })
  await t.test(
    'after it is shipped, all goes back, and what was sent was not cancelled',
    async () => {
      const { id, buyer } = await paid()
      for (const seller of [one, two]) {
        for (const to of ['processing', 'shipped']) {
          assert.equal((await shop.move(id, seller, to)).status, 200)
        }
      }
      assert.equal((await refund(id, { restock: true }, operator)).body.amount, 4_000)
      await shop.seen(id, buyer, ({ status, items }) => {
        assert.equal(status, 'refunded')
        assert.deepEqual(
          items.map(({ status: word }) => word),
          ['shipped', 'shipped'],
        )
      })
    },
  )
  await shop.startWorker?.()
  await eventually(() => assertKept(shop))
})
