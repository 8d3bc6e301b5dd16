// The provider's charges and refunds against the shop's: what an operator would find nowhere else.
import assert from 'node:assert/strict'
import test from 'node:test'
import { type ComparisonDeps, ProviderUnreachable } from '../../../src/ops/comparing.ts'
import { compareWithProvider } from '../../../src/ops/provider-comparison.ts'
import { providerText } from '../../../src/ops/provider-text.ts'
import type { Unknown } from '../../../src/payments/gateway.ts'
import { stripeLists } from '../../../src/payments/stripe-lists.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { confirmAndDie, dyingAt } from '../../support/crash.ts'
import { type PayingSystem, startPayingSystem } from '../../support/paying.ts'
import { endLeases } from '../../support/purchases/change.ts'
import { testStripeKey } from '../../support/simulator.ts'

const none = sql.typeAlias('none')

/** A comparison that waits for nobody: all that sleeps, wakes at once. */
function compare(shop: PayingSystem, more: Partial<ComparisonDeps> = {}) {
  const { pool } = shop
  const { gateway, clock } = shop.money()
  const lists = listsOf(shop)
  const slept: number[] = []
  const hurried = {
    now: clock.now,
    sleep: async (ms: number) => {
      slept.push(ms)
    },
  }
  const notes: string[] = []
  const note = (sentence: string) => notes.push(sentence)
  const deps = { pool, lists, gateway, clock: hurried, note, ...more }
  return compareWithProvider(deps).then((report) => ({ report, notes, slept }))
}

/** Payments of every kind that agree: paid, declined, refunded, with the bank, cancelled. */
async function busyShop(t: Parameters<typeof startPayingSystem>[0]) {
  const shop = await startPayingSystem(t, { own: true })
  const sku = await shop.addSku({ units: 20 })
  const reserve = () => shop.reserveOf(sku)
  const paid = await reserve()
  assert.equal((await shop.confirm(paid)).status, 200)
  const declined = await reserve()
  assert.equal((await shop.confirm(declined, 'pm_card_chargeDeclined')).status, 402)
  const atBank = await reserve()
  assert.equal((await shop.confirm(atBank, 'pm_card_authenticationRequired')).status, 202)
  const back = await reserve()
  assert.equal((await shop.confirm(back)).status, 200)
  const cancel = await shop.call('PUT', `/api/orders/${back.id}/cancel`, { buyer: back.buyer })
  assert.equal(cancel.status, 200)
  await shop.becomes(back.id, { order: 'refunded' })
  // Somebody else uses the account too.
  const others = { amount: 700, currency: 'eur', payment_method: 'pm_card_visa', confirm: true }
  const automatic_payment_methods = { enabled: true, allow_redirects: 'never' } as const
  const other = await shop.simulator.stripe.paymentIntents.create({
    ...others,
    automatic_payment_methods,
  })
  await shop.simulator.stripe.refunds.create({ payment_intent: other.id })
  await shop.stopWorkers()
  return { shop, reserve, paid, back, sku }
}

test('what differs from the provider is told, both ways, and nothing else', async (t) => {
  const { shop, paid, back } = await busyShop(t)
  const { pool, simulator } = shop

  await t.test('a shop that agrees', async () => {
    const { report, notes, slept } = await compare(shop)
    assert.deepEqual([report.charges.differences, report.refunds.differences], [[], []])
    assert.equal(report.kept, true)
    assert.equal(report.charges.checked, 4)
    assert.equal(report.refunds.checked, 1)
    assert.deepEqual([notes, slept], [[], []])
    assert.match(providerText(report, notes), /charges +agree +4 [\s\S]*agree with the provider$/)
  })

  await t.test('a page at a time, and no further than the bound', async () => {
    const lists = listsOf(shop)
    const one = {
      ...lists,
      listIntents: async (request: Parameters<typeof lists.listIntents>[0]) => {
        const page = await lists.listIntents(request)
        if (page.tag !== 'page') return page
        return { ...page, items: page.items.slice(0, 2), next: page.items[1]?.id ?? null }
      },
    }
    const { report, notes } = await compare(shop, { lists: one, pagesMax: 1 })
    assert.equal(report.kept, true)
    assert.match(notes.join(), /of the provider's charges, those before .* are not compared/)
  })

  await t.test('a refund at the dashboard that nobody here has heard of', async () => {
    const intent = await shop.intentOf(paid.id)
    await simulator.script('POST', `payment_intents/${intent}/refund`, { amount: 300 })
    const { report, slept } = await compare(shop)
    assert.equal(report.refunds.differing, 1)
    assert.match(report.refunds.differences[0] ?? '', new RegExp(`${paid.id} gives 300 EUR back`))
    assert.equal(report.charges.kept, true)
    assert.equal(slept.length, 1, 'it may have been on its way: a second look, later')
    assert.ok((slept[0] ?? 0) > 0 && (slept[0] ?? 0) <= 30_000)
    assert.match(providerText(report, []), /refunds +DIFFER +2 [\s\S]*1 charges or refunds differ/)
  })

  await t.test('a payment and a refund that the provider knows nothing of', async () => {
    await pool.query(none`
      update payments set intent_id = 'pi_nobody' where checkout_id = ${paid.id}`)
    await pool.query(none`update refunds set refund_id = 're_nobody', id = gen_random_uuid()
      where checkout_id = ${back.id}`)
    const { report } = await compare(shop)
    const told = report.charges.differences.join('\n')
    assert.match(told, /pi_nobody, which the provider does not have/)
    assert.match(told, new RegExp(`for checkout ${paid.id}, whose intent is pi_nobody`))
    assert.equal(report.charges.differing, 2)
    assert.match(report.refunds.differences.join('\n'), /the provider has no such refund/)
  })
})

test('a charge whose answer and event were lost is told once nobody drives it any more', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const bought = await shop.reserve()
  await shop.stopWorkers()
  await confirmAndDie(shop.money({ wrap: dyingAt('after createAndConfirm') }), bought)
  const driven = await compare(shop)
  assert.equal(driven.report.kept, true)
  assert.equal(driven.report.charges.underWay, 1)
  await endLeases(shop.pool)
  await shop.pool.query(
    none`update payment_attempts set leased_until = now() - interval '5 minutes'`,
  )
  const { report } = await compare(shop)
  assert.match(report.charges.differences[0] ?? '', /charged 1000 EUR .*is open here/)
  // What is settled before the second look is no difference.
  const { gateway } = shop.money()
  const settling = {
    ...gateway,
    retrieveIntent: async (id: string) => {
      await shop.reconcile(shop.money())
      return gateway.retrieveIntent(id)
    },
  }
  assert.equal((await compare(shop, { gateway: settling })).report.kept, true)
})

test('a provider that does not answer, or refuses the key, is one line and no verdict', async (t) => {
  const shop = await startPayingSystem(t, { own: true })
  const lists = listsOf(shop)
  const answers = (why: Unknown['why']) => ({
    ...lists,
    listIntents: async (): Promise<Unknown> => ({ tag: 'unknown', why, message: 'words' }),
  })
  await assert.rejects(compare(shop, { lists: answers('away') }), (error: Error) => {
    assert.ok(error instanceof ProviderUnreachable)
    assert.equal(error.message, 'the payment provider cannot be reached: words')
    return true
  })
  await assert.rejects(
    compare(shop, { lists: answers('barred') }),
    /refuses STRIPE_SECRET_KEY: words/,
  )
})

function listsOf({ simulator, money }: PayingSystem) {
  const { clock } = money()
  return stripeLists({ secretKey: testStripeKey, apiBase: simulator.url, clock })
}
