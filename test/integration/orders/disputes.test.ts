// Disputes, early fraud warnings and reviews: what is shown, what is not sent, and what is not refunded.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Stripe } from 'stripe'
import { handleStripeEvent } from '../../../src/flows/pay/handle-event.ts'
import { remindOfDisputes } from '../../../src/flows/pay/remind-of-disputes.ts'
import { runRefunds } from '../../../src/flows/pay/run-refunds.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { confirmAndDie, dyingAt } from '../../support/crash.ts'
import { eventually } from '../../support/eventually.ts'
import { assertKept } from '../../support/guarantees.ts'
import { type OrderSystem, startOrderSystem } from '../../support/orders.ts'

interface Listed {
  readonly id: string
  readonly kind: string
  readonly orderId: string
  readonly orderNumber: number
  readonly status: string
  readonly open: boolean
  readonly amount: number
  readonly currency: string
  readonly reason: string
  readonly dueAt: string | null
  readonly refundHeld: number
}

/** A shop of one seller whose orders the bank has something about; events come when the test wants. */
async function disputedShop(t: Parameters<typeof startOrderSystem>[0]) {
  const shop = await startOrderSystem(t, { own: true })
  const seller = await shop.addSeller()
  const admin = newId()
  await shop.pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    values (${admin}, 'admin@example.org', 'Ada', 'admin', '-')`)
  const told = new Set<string>()
  const eventsAbout = async (intent: string): Promise<Stripe.Event[]> => {
    const { data } = await shop.simulator.stripe.events.list({ limit: 100 })
    return data
      .filter(({ type }) => /^(charge\.dispute|radar|review)\./.test(type))
      .filter(
        ({ data: { object } }) => 'payment_intent' in object && object.payment_intent === intent,
      )
      .toReversed()
  }
  return {
    ...shop,
    seller,
    admin,
    eventsAbout,
    /** What the bank or the provider does to the payment of an order. */
    async about(id: string, what: 'dispute' | 'warn' | 'review', body: object = {}) {
      const path = `payment_intents/${await shop.intentOf(id)}/${what}`
      return String((await shop.simulator.script('POST', path, body)).id)
    },
    end: (dispute: string, outcome: string) =>
      shop.simulator.script('POST', `disputes/${dispute}/settle`, { outcome }),
    /** Delivers what was not delivered yet of an order's payment. */
    async hear(id: string) {
      for (const event of await eventsAbout(await shop.intentOf(id))) {
        if (told.has(event.id)) continue
        told.add(event.id)
        assert.equal(await handleStripeEvent(shop.money(), event), 'processed')
      }
    },
    async processing() {
      const order = await shop.paid([{ sku: await shop.addSku({ seller }), quantity: 1 }])
      assert.equal((await shop.move(order.id, seller, 'processing')).status, 200)
      return order
    },
    async listed(query = ''): Promise<{ items: Listed[]; nextCursor: string | null }> {
      const { status, body } = await shop.call('GET', `/api/ops/disputes${query}`, {
        ...{ buyer: admin, role: 'admin' },
      })
      assert.equal(status, 200, JSON.stringify(body))
      return JSON.parse(JSON.stringify(body))
    },
    clear: (id: string) =>
      shop.call('POST', `/api/ops/disputes/${id}/clear`, { buyer: admin, role: 'admin' }),
    /** How many refunds the provider was asked for. */
    async refundsAsked(): Promise<number> {
      const { seconds } = await shop.simulator.script('GET', 'requests?since=0')
      const all = seconds as { endpoints: Record<string, { accepted: number }> }[]
      return all.reduce(
        (sum, { endpoints }) => sum + (endpoints['POST /v1/refunds']?.accepted ?? 0),
        0,
      )
    },
    /** Mails that were sent, by the name of their fact. */
    mails(): string[] {
      try {
        return readdirSync(join(shop.config.DATA_DIR, 'mail'))
      } catch {
        return []
      }
    },
  }
}

async function shipment(shop: OrderSystem, id: string, seller: string): Promise<string> {
  const { body } = await shop.look(id, seller, 'seller')
  return body.shipments[0]?.id ?? ''
}

test('goods whose payment is disputed, reviewed or suspect stay where they are', async (t) => {
  const shop = await disputedShop(t)
  const { seller } = shop
  const refused = async (id: string, why: RegExp) => {
    const parcel = await eventually(async () => {
      const found = await shipment(shop, id, seller)
      assert.ok(found)
      return found
    })
    for (const answer of [
      await shop.move(id, seller, 'shipped'),
      await shop.ship(parcel, seller),
    ]) {
      assert.deepEqual([answer.status, answer.body.code], [409, 'invalid_transition'])
      assert.match(answer.body.detail, why)
    }
  }

  await t.test('a dispute, until it is won', async () => {
    const { id, buyer } = await shop.processing()
    const dispute = await shop.about(id, 'dispute', { reason: 'product_not_received' })
    await shop.hear(id)
    await refused(id, /disputed/)
    const { body } = await shop.look(id, seller, 'seller')
    assert.deepEqual([body.dispute?.kind, body.dispute?.status], ['dispute', 'needs_response'])
    assert.ok(body.dispute?.dueAt)
    assert.equal((await shop.look(id, buyer)).body.dispute?.dueAt, null)
    const { items } = await shop.listed()
    const { refundHeld, dueAt, ...item } = items[0] as Listed
    assert.deepEqual(
      { id: item.id, kind: item.kind, orderId: item.orderId, status: item.status },
      { id: dispute, kind: 'dispute', orderId: id, status: 'needs_response' },
    )
    assert.deepEqual(
      [item.amount, item.currency, item.reason, item.orderNumber, refundHeld],
      [1_000, 'EUR', 'product_not_received', body.number, 0],
    )
    assert.ok(dueAt)
    await shop.end(dispute, 'win')
    await shop.hear(id)
    assert.equal((await shop.move(id, seller, 'shipped')).status, 200)
  })

  await t.test('a lost dispute, for good', async () => {
    const { id } = await shop.processing()
    await shop.end(await shop.about(id, 'dispute'), 'lose')
    await shop.hear(id)
    await refused(id, /lost/)
  })

  await t.test('a review, until it is closed', async () => {
    const { id } = await shop.processing()
    const review = await shop.about(id, 'review')
    await shop.hear(id)
    await refused(id, /reviewed/)
    await shop.simulator.script('POST', `reviews/${review}/close`, { reason: 'approved' })
    await shop.hear(id)
    assert.equal((await shop.move(id, seller, 'shipped')).status, 200)
  })

  await t.test(
    'a warning of fraud, until an administrator clears it; its buyer is not told',
    async () => {
      const { id, buyer } = await shop.processing()
      const warning = await shop.about(id, 'warn')
      await shop.hear(id)
      await refused(id, /fraud/)
      assert.equal((await shop.look(id, seller, 'seller')).body.dispute?.kind, 'warning')
      assert.equal((await shop.look(id, buyer)).body.dispute, null)
      const answers = await Promise.all([shop.clear(warning), shop.clear(warning)])
      assert.deepEqual(answers.map(({ status }) => status).sort(), [202, 409])
      assert.deepEqual(await shop.audited(`warning:${warning}`), ['warning.cleared'])
      assert.equal((await shop.move(id, seller, 'shipped')).status, 200)
      for (const event of await shop.eventsAbout(await shop.intentOf(id))) {
        await handleStripeEvent(shop.money(), event)
      }
      const found = (await shop.listed()).items.find((item) => item.id === warning)
      assert.deepEqual([found?.status, found?.open], ['cleared', false])
    },
  )

  await t.test('open ones are listed first, page by page', async () => {
    const dispute = (await shop.listed()).items.find(({ kind }) => kind === 'dispute')
    assert.equal((await shop.clear(dispute?.id ?? '')).status, 409)
    const { id } = await shop.processing()
    await shop.about(id, 'review')
    await shop.hear(id)
    const all = (await shop.listed()).items
    assert.equal(all[0]?.orderId, id)
    assert.deepEqual(
      all.map(({ open }) => open),
      all.map(({ open }) => open).toSorted((a, b) => Number(b) - Number(a)),
    )
    const paged: Listed[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await shop.listed(`?limit=1${cursor === '' ? '' : `&cursor=${cursor}`}`)
      paged.push(...page.items)
      cursor = page.nextCursor
    }
    assert.deepEqual(paged, all)
  })
})

test('money that the bank has taken is not asked for; it is once the bank has given it back', async (t) => {
  const shop = await disputedShop(t)

  await t.test(
    'an order that is cancelled meanwhile says so, and is refunded when the dispute is won',
    async () => {
      const { id, buyer } = await shop.processing()
      const dispute = await shop.about(id, 'dispute')
      await shop.hear(id)
      const { body } = await shop.cancel(id, buyer)
      assert.deepEqual([body.status, body.payment?.status], ['cancelled', 'disputed'])
      for (const _ of [1, 2, 3]) await runRefunds(shop.money())
      assert.equal(await shop.refundsAsked(), 0)
      const [item] = (await shop.listed()).items
      assert.deepEqual([item?.orderId, item?.refundHeld], [id, 1_000])
      await assertKept(shop)
      await shop.end(dispute, 'win')
      await shop.hear(id)
      await shop.becomes(id, { order: 'refunded', refunded: 1_000 })
      assert.equal((await shop.moneyOf(id)).refunded, 1_000)
    },
  )

  await t.test('a refund that was refused before anybody knew why', async () => {
    const { id, buyer } = await shop.processing()
    const dispute = await shop.about(id, 'dispute')
    await shop.cancel(id, buyer)
    await eventually(async () => {
      const { count } = await shop.pool.one(sql.typeAlias('count')`
        select count(*) as count from refunds where checkout_id = ${id} and state = 'failed'`)
      assert.equal(count, 1)
    })
    await shop.hear(id)
    await assertKept(shop)
    await shop.end(dispute, 'win')
    await shop.hear(id)
    await shop.becomes(id, { order: 'refunded', refunded: 1_000 })
  })

  await t.test(
    'a dispute that is lost: nothing more is asked for, and no guarantee is broken',
    async () => {
      const { id, buyer } = await shop.processing()
      await shop.end(await shop.about(id, 'dispute'), 'lose')
      await shop.hear(id)
      const before = await shop.refundsAsked()
      assert.equal((await shop.cancel(id, buyer)).body.payment?.status, 'disputed')
      await runRefunds(shop.money())
      assert.equal(await shop.refundsAsked(), before)
      await assertKept(shop)
    },
  )

  await t.test('a question of the bank takes no money: the cancel is refunded', async () => {
    const { id, buyer } = await shop.processing()
    await shop.about(id, 'dispute', { inquiry: true })
    await shop.hear(id)
    await shop.cancel(id, buyer)
    await shop.becomes(id, { order: 'refunded', refunded: 1_000 })
  })
})

test('a dispute is known by whatever event comes, and ends as the bank said last', async (t) => {
  const shop = await disputedShop(t)

  await t.test('in any order, and repeated', async () => {
    const { id } = await shop.processing()
    const dispute = await shop.about(id, 'dispute', { inquiry: true })
    await shop.end(dispute, 'escalate')
    await shop.simulator.stripe.disputes.update(dispute, { evidence: { uncategorized_text: 'x' } })
    await shop.end(dispute, 'lose')
    const events = await shop.eventsAbout(await shop.intentOf(id))
    for (const event of [...events.toReversed(), ...events]) {
      await handleStripeEvent(shop.money(), event)
      assert.equal((await shop.listed()).items[0]?.status, 'lost')
    }
  })

  await t.test('before anybody has heard of the payment', async () => {
    const bought = await shop.reserve()
    await confirmAndDie(
      shop.money({ wrap: dyingAt('after createAndConfirm') }),
      bought,
      'pm_card_createDispute',
    )
    const intent = await shop.madeIntentOf(bought.id)
    const [created] = await shop.eventsAbout(intent)
    assert.equal(created?.type, 'charge.dispute.created')
    assert.equal(await handleStripeEvent(shop.money(), created as Stripe.Event), 'processed')
    const found = (await shop.listed()).items.find(({ orderId }) => orderId === bought.id)
    assert.equal(found?.status, 'needs_response')
  })

  await t.test('of a payment that is none of this shop’s: nothing', async () => {
    const foreign = await shop.simulator.stripe.paymentIntents.create({
      ...{ amount: 500, currency: 'eur', payment_method: 'pm_card_createDispute', confirm: true },
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    })
    const before = (await shop.listed()).items.length
    for (const event of await shop.eventsAbout(foreign.id)) {
      assert.equal(await handleStripeEvent(shop.money(), event), 'ignored')
    }
    assert.equal((await shop.listed()).items.length, before)
  })
})

test('who has to hand in evidence is told when a dispute opens, and once more before it is too late', async (t) => {
  const shop = await disputedShop(t)
  const { id } = await shop.processing()
  const dispute = await shop.about(id, 'dispute')
  await shop.hear(id)
  const sent = (news: string, to: string) => `concern-${dispute}-${news}-${to}.eml`
  const told = (news: string) =>
    eventually(() => {
      const mails = shop.mails().filter((name) => name.startsWith(`concern-${dispute}-${news}`))
      assert.deepEqual(
        mails.toSorted(),
        [sent(news, shop.admin), sent(news, shop.seller)].toSorted(),
      )
    })
  await told('dispute')
  assert.equal(await remindOfDisputes(shop.pool), 0)
  await shop.pool.query(sql.typeAlias('none')`
    update payment_concerns set due_at = now() + interval '47 hours'`)
  const taken = await Promise.all([1, 2, 3].map(() => remindOfDisputes(shop.pool)))
  assert.deepEqual(taken.toSorted(), [0, 0, 1])
  await told('due-4')
  const text = readFileSync(
    join(shop.config.DATA_DIR, 'mail', sent('dispute', shop.seller)),
    'utf8',
  )
  assert.match(text, /evidence/i)
  assert.doesNotMatch(text, /10\.00/)
})
