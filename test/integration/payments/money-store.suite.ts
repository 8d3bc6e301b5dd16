/** What every MoneyStore does. Run it on each implementation; it knows none. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { attempting } from './money-attempts.cases.ts'
import { ending } from './money-endings.cases.ts'
import { refunding } from './money-refunds.cases.ts'
import { type MakeMoneyWorld, type MoneyCase, method, paidFacts, Shop } from './money-world.ts'

/** Registers the contract for one implementation. */
export function moneyStoreContract(name: string, make: MakeMoneyWorld): void {
  test(`the contract of MoneyStore, kept by ${name}`, async (t) => {
    const fresh = await make(t)
    for (const [what, run] of Object.entries({
      ...capturing,
      ...changing,
      ...attempting,
      ...ending,
      ...refunding,
    })) {
      await t.test(what, async () => run(new Shop(await fresh())))
    }
  })
}

const capturing: Record<string, MoneyCase> = {
  'a payment that fits is captured once, however many say so': async (shop) => {
    const { id } = await shop.begun()
    const said = await Promise.all([1, 2, 3].map(() => shop.store.capture(id, paidFacts(id))))
    const commands = said.filter((each) => each !== null)
    assert.equal(commands.length, 1)
    assert.deepEqual(
      commands[0]?.map(({ id: _, ...command }) => command),
      [{ kind: 'sell', sku: 'MUG', checkoutId: id, units: null }],
    )
    const { state, outcome, payment, attempts, told, commands: kinds } = await shop.see(id)
    assert.deepEqual([state, outcome, told, kinds], ['paid', 'confirmed', ['order.paid'], ['sell']])
    assert.deepEqual(payment, {
      ...{ intentId: `pi_${id}`, status: 'succeeded', captured: 500, refunded: 0, flagged: null },
    })
    assert.deepEqual(attempts, [{ attempt: 1, state: 'succeeded', declineCode: null }])
    assert.equal(await shop.store.capture(id, paidFacts(id)), null)
  },
  'another amount, currency, intent, or less than the amount changes nothing': async (shop) => {
    const { id } = await shop.begun()
    await shop.change(id, { payment: { intentId: `pi_${id}` } })
    const before = await shop.see(id)
    for (const other of [
      { amount: 499, amountReceived: 499 },
      { amountReceived: 499 },
      { currency: 'USD' },
      { id: 'pi_another' },
    ]) {
      assert.equal(await shop.store.capture(id, { ...paidFacts(id), ...other }), null)
    }
    assert.deepEqual(await shop.see(id), before)
    assert.ok(await shop.store.capture(id, paidFacts(id)))
  },
  'what has ended, was never begun, or does not exist is not captured': async (shop) => {
    const expired = await shop.expired()
    const reserved = await shop.reserved()
    for (const id of [expired.id, reserved.id, newId()]) {
      assert.equal(await shop.store.capture(id, paidFacts(id)), null)
    }
    assert.equal((await shop.see(reserved.id)).state, 'reserved')
  },
  'what is reserved again after a decline is captured by the attempt before': async (shop) => {
    const { id } = await shop.begun()
    await shop.change(id, {
      order: { by: 'payment', to: 'reserved' },
      attempt: { attempt: 1, state: 'declined', declineCode: 'insufficient_funds' },
    })
    assert.ok(await shop.store.capture(id, paidFacts(id)))
    const { state, attempts } = await shop.see(id)
    assert.deepEqual([state, attempts[0]?.state], ['paid', 'declined'])
  },
}

const changing: Record<string, MoneyCase> = {
  'a decision sees the purchase as it is, and writes what it says': async (shop) => {
    const { id } = await shop.begun()
    const { decided, commands } = await shop.store.change(id, (facts) => ({
      facts,
      change: {
        order: { by: 'payment', to: 'payment_failed', outcome: 'payment_failed', reason: 'r' },
        history: { from: 'awaiting_payment', to: 'cancelled', reason: 'r' },
        payment: { intentId: 'pi_1', flagged: 'f'.repeat(600) },
        attempt: { attempt: 1, state: 'declined', declineCode: 'd'.repeat(200) },
        units: { how: 'release', reason: 'r' },
        tell: [{ topic: 'payment.failed', key: id, payload: {} }],
      },
    }))
    const { order } = decided.facts
    assert.deepEqual([order?.state, order?.outcome, order?.overdue], ['paying', null, false])
    assert.deepEqual(decided.facts.attempts, [
      {
        ...{ attempt: 1, state: 'pending', paymentMethodId: method },
        ...{ processing: false, cardKnown: false },
      },
    ])
    assert.equal(decided.facts.payment?.intentId, null)
    assert.deepEqual(
      commands.map(({ kind }) => kind),
      ['release'],
    )
    const seen = await shop.see(id)
    assert.deepEqual(
      [seen.state, seen.outcome, seen.reason],
      ['payment_failed', 'payment_failed', 'r'],
    )
    assert.deepEqual([seen.payment?.intentId, seen.payment?.flagged?.length], ['pi_1', 500])
    assert.equal(seen.attempts[0]?.declineCode?.length, 100)
    assert.deepEqual(seen.told, ['payment.failed'])
  },
  'without a change, with a decision that throws, or a move that is none, nothing is written':
    async (shop) => {
      const { id } = await shop.begun()
      const before = await shop.see(id)
      await shop.change(id, null)
      await assert.rejects(
        shop.store.change(id, () => {
          throw new Error('undecided')
        }),
        /undecided/,
      )
      await assert.rejects(
        shop.change(id, {
          order: { by: 'payment', to: 'paying' },
          payment: { status: 'canceled' },
          attempt: { attempt: 1, state: 'abandoned' },
        }),
      )
      assert.deepEqual(await shop.see(id), before)
    },
  'what does not exist is decided about as well': async (shop) => {
    const { decided } = await shop.store.change(newId(), (facts) => ({ facts, change: null }))
    assert.deepEqual(
      [decided.facts.order, decided.facts.payment, decided.facts.attempts],
      [null, null, []],
    )
  },
  'the same units are moved once': async (shop) => {
    const { id } = await shop.begun()
    const units = { how: 'release', reason: 'r' } as const
    assert.equal((await shop.change(id, { units })).commands.length, 1)
    assert.equal((await shop.change(id, { units })).commands.length, 0)
    assert.deepEqual((await shop.see(id)).commands, ['release'])
  },
  'units that are taken again are known when their owner has answered': async (shop) => {
    const { id } = await shop.expired()
    await shop.world.answer(id, 'released')
    const payment = {
      intentId: 'pi_1',
      status: 'succeeded',
      captured: 500,
      reclaiming: true,
    } as const
    const units = { how: 'reclaim', reason: 'late' } as const
    const { commands } = await shop.change(id, { payment, units })
    assert.deepEqual(
      commands.map(({ kind, units: count }) => [kind, count]),
      [['reclaim', 1]],
    )
    assert.equal(await shop.store.reclaimedLines(id), null)
    assert.deepEqual(await shop.store.overdueReclaims(15, 10), [])
    await shop.world.pass(20)
    assert.deepEqual(await shop.store.overdueReclaims(15, 10), [id])
    assert.deepEqual(await shop.store.overdueReclaims(15, 0), [])
    await shop.world.answer(id, 'sold')
    assert.deepEqual(await shop.store.reclaimedLines(id), [{ sku: 'MUG', sold: true }])
    await shop.change(id, { payment: { reclaiming: false } })
    assert.deepEqual(await shop.store.overdueReclaims(15, 10), [])
  },
  'payments are found by checkout and by intent; open ones of what has ended by `ended`': async (
    shop,
  ) => {
    const { id } = await shop.begun()
    assert.equal(await shop.store.payment(newId()), null)
    assert.equal(await shop.store.byIntent('pi_none'), null)
    await shop.change(id, { payment: { intentId: `pi_${id}` } })
    const known = {
      ...{ checkoutId: id, intentId: `pi_${id}`, amount: 500, currency: 'EUR', status: 'open' },
      ...{ captured: 0, refunded: 0, reclaiming: false },
    }
    assert.deepEqual(await shop.store.payment(id), known)
    assert.deepEqual(await shop.store.byIntent(`pi_${id}`), known)
    assert.equal(await shop.store.ended(id), null)
    const { id: ended } = await shop.expired()
    assert.equal((await shop.store.ended(ended))?.checkoutId, ended)
    await shop.change(ended, { payment: { status: 'canceled' } })
    assert.equal(await shop.store.ended(ended), null)
    assert.equal(await shop.store.ended((await shop.paid()).id), null)
  },
}
