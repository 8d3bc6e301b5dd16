/** The contract of MoneyStore: how money goes back, whoever began it. */
import assert from 'node:assert/strict'
import {
  hearRefunds,
  refuseRefund,
  renewRefund,
} from '../../../src/flows/pay/money/decide-refund.ts'
import { newId } from '../../../src/kernel/ids.ts'
import type { RefundFacts } from '../../../src/payments/gateway.ts'
import type { MoneyCase, Shop } from './money-world.ts'

const day = 86_400

/** What the provider says of the shop's refund of a checkout, or of one that somebody began there. */
const factsOf = (
  { id, refundId = null }: { readonly id: string; readonly refundId?: string | null },
  over: Partial<RefundFacts> = {},
): RefundFacts => ({
  ...{ id: 're_1', status: 'succeeded', amount: 500, refundId, intentId: `pi_${id}` },
  ...over,
})

const hear = async ({ store }: Shop, id: string, ...told: readonly RefundFacts[]) => {
  const { decided } = await store.changeRefunds(id, (book, freshId) =>
    hearRefunds(book, told, freshId),
  )
  return decided.change !== null
}

const refuse = async ({ store }: Shop, id: string, refundId: string) => {
  const { decided } = await store.changeRefunds(id, (book) => ({
    change: refuseRefund(book, refundId, 'refused'),
  }))
  return decided.change !== null
}

const renew = async ({ store }: Shop, id: string, refundId: string, by: 'job' | 'operator') => {
  const { decided } = await store.changeRefunds(id, (book, freshId) => ({
    change: renewRefund(book, refundId, by, freshId),
  }))
  return decided.change?.written[0]?.id ?? null
}

export const refunding: Record<string, MoneyCase> = {
  'all that was captured is asked back once': async (shop) => {
    const { id } = await shop.refunding()
    await shop.change(id, { refund: { reason: 'again' } })
    const { refunds } = await shop.see(id)
    assert.deepEqual(
      refunds.map(({ amount, reason, state }) => [amount, reason, state]),
      [[500, 'late', 'pending']],
    )
  },
  'a refund is due at once, then after pauses that grow, to one': async (shop) => {
    const { id, refundId } = await shop.refunding()
    const claims = await Promise.all([shop.store.claimRefunds(9), shop.store.claimRefunds(9)])
    const [due, ...others] = claims.flat()
    assert.deepEqual([due?.id, due?.checkoutId, due?.intentId], [refundId, id, `pi_${id}`])
    assert.deepEqual([due?.amount, due?.attempts, due?.providerId], [500, 1, null])
    assert.equal(due?.origin, 'shop')
    assert.deepEqual(others, [])
    await hear(shop, id, factsOf({ id, refundId }, { status: 'pending' }))
    await shop.store.noteRefund(refundId, 'slow')
    await shop.world.pass(3)
    assert.equal((await shop.store.claimRefunds(9))[0]?.providerId, 're_1')
    await shop.world.pass(3)
    assert.deepEqual(await shop.store.claimRefunds(9), [])
    await shop.world.pass(2)
    assert.equal((await shop.store.claimRefunds(9))[0]?.attempts, 3)
    assert.equal((await shop.see(id)).refunds[0]?.error, 'slow')
  },
  'one that the provider keeps for hours is looked at after days, not every ten minutes': async (
    shop,
  ) => {
    const { id, refundId } = await shop.refunding()
    const pending = factsOf({ id, refundId }, { status: 'pending' })
    await hear(shop, id, pending)
    await shop.world.pass(2 * 3_600)
    await hear(shop, id, pending)
    await shop.world.pass(3_600)
    assert.deepEqual(await shop.store.claimRefunds(9), [])
    await shop.world.pass(day)
    assert.equal((await shop.store.claimRefunds(9))[0]?.id, refundId)
  },
  'a refund succeeds once, and its order is refunded': async (shop) => {
    const { id, refundId } = await shop.refunding()
    const facts = factsOf({ id, refundId })
    const told = await Promise.all([1, 2].map(() => hear(shop, id, facts)))
    assert.deepEqual(told.toSorted(), [false, true])
    const seen = await shop.see(id)
    assert.deepEqual(
      [seen.state, seen.outcome, seen.payment?.refunded],
      ['refunded', 'expired', 500],
    )
    assert.ok(seen.told.includes('payment.refunded'))
    assert.equal(await refuse(shop, id, refundId), false)
    assert.deepEqual(await shop.store.claimRefunds(9), [])
  },
  'a refund that the provider refuses is asked for anew, once, under another id': async (shop) => {
    const { id, refundId } = await shop.refunding()
    assert.equal(await refuse(shop, id, refundId), true)
    assert.equal(await refuse(shop, id, refundId), false)
    await shop.store.noteRefund(refundId, 'too late')
    await shop.world.pass(60 * day)
    assert.deepEqual(await shop.store.failedRefundsDue(9), [])
    const asked = await Promise.all([1, 2].map(() => renew(shop, id, refundId, 'operator')))
    assert.equal(asked.filter((next) => next !== null).length, 1)
    const { refunds } = await shop.see(id)
    assert.deepEqual(refunds.map(({ state }) => state).toSorted(), ['failed', 'pending'])
    assert.equal(refunds.find(({ id: each }) => each === refundId)?.error, 'refused')
  },
  'money that the bank returned makes the order what it was, and is asked for after a day, once':
    async (shop) => {
      const { id, refundId } = await shop.refunding()
      const facts = factsOf({ id, refundId })
      const returned = { ...facts, status: 'failed' } as const
      await hear(shop, id, facts)
      assert.equal(await hear(shop, id, returned), true)
      assert.equal(await hear(shop, id, returned), false)
      assert.equal(await hear(shop, id, facts), false, 'an old word')
      const seen = await shop.see(id)
      assert.deepEqual(
        [seen.state, seen.payment?.refunded, seen.payment?.flagged],
        ['expired', 0, null],
      )
      assert.deepEqual(await shop.store.failedRefundsDue(9), [])
      await shop.world.pass(day + 1)
      assert.deepEqual(await shop.store.failedRefundsDue(9), [{ id: refundId, checkoutId: id }])
      const asked = await Promise.all([1, 2].map(() => renew(shop, id, refundId, 'job')))
      assert.equal(asked.filter((next) => next !== null).length, 1)
      assert.deepEqual(await shop.store.failedRefundsDue(9), [])
    },
  'a refund begun at the provider is a row of its own, and ours asks for what is left': async (
    shop,
  ) => {
    const { id } = await shop.refunding()
    assert.equal(await hear(shop, id, factsOf({ id }, { amount: 300 })), true)
    assert.equal(await hear(shop, id, factsOf({ id }, { amount: 300 })), false)
    const { refunds, payment, state, told } = await shop.see(id)
    assert.deepEqual(
      refunds.map((refund) => [refund.amount, refund.reason, refund.state]).toSorted(),
      [
        [200, 'late', 'pending'],
        [300, 'provider', 'succeeded'],
        [500, 'late', 'failed'],
      ],
    )
    assert.deepEqual([payment?.refunded, state], [300, 'expired'])
    assert.ok(told.includes('payment.refunded'))
    const next = refunds.find((refund) => refund.state === 'pending')?.id ?? ''
    const whole = factsOf({ id, refundId: next }, { id: 're_2', amount: 200 })
    await hear(shop, id, whole)
    assert.deepEqual((await shop.see(id)).state, 'refunded')
  },
  'more than was captured never goes back, whatever is decided': async (shop) => {
    const { id } = await shop.refunding()
    const before = await shop.see(id)
    await assert.rejects(
      shop.store.changeRefunds(id, ({ payment }, freshId) => ({
        change: {
          ...{ moves: [], refunded: payment?.refunded ?? 0, order: null, told: [], back: [] },
          ...{ flagged: 'written with the rest or not at all' },
          written: [
            { id: freshId(), origin: 'shop', amount: 1, state: 'pending', reason: 'seller' },
          ],
        },
      })),
    )
    assert.deepEqual(await shop.see(id), before)
  },
  'whose refund it is tell our id, the provider’s, and its intent': async (shop) => {
    const { id, refundId } = await shop.refunding()
    const nobody = { id: 're_1', refundId: null, intentId: null }
    const whose = (over: Partial<typeof nobody> | { refundId: string } | { intentId: string }) =>
      shop.store.checkoutOfRefund({ ...nobody, ...over })
    assert.equal(await whose({}), null)
    assert.equal(await whose({ refundId: newId() }), null)
    assert.equal(await whose({ refundId }), id)
    assert.equal(await whose({ intentId: `pi_${id}` }), id)
    await hear(shop, id, factsOf({ id, refundId }))
    assert.equal(await whose({}), id)
  },
}
