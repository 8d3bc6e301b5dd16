/** The contract of MoneyStore: how holds end. */
import assert from 'node:assert/strict'
import { newId } from '../../../src/kernel/ids.ts'
import type { MoneyCase, Shop } from './money-world.ts'

const giveUp = (
  { store }: Shop,
  { id, buyerId }: { readonly id: string; readonly buyerId: string },
  over: { readonly alsoAtBank?: boolean; readonly bury?: boolean } = {},
) => store.giveUp({ checkoutId: id, buyerId, alsoAtBank: false, bury: false, ...over })

export const ending: Record<string, MoneyCase> = {
  'a hold ends by its deadline, once, and its units go back': async (shop) => {
    const due = await shop.reserved(10)
    const live = await shop.reserved(60)
    await shop.world.pass(11)
    const swept = await Promise.all([shop.store.expireDue(9), shop.store.expireDue(9)])
    const commands = swept.flatMap((each) => each.commands)
    assert.equal(swept[0].count + swept[1].count, 1)
    assert.deepEqual(
      commands.map(({ kind, checkoutId }) => [kind, checkoutId]),
      [['release', due.id]],
    )
    const seen = await shop.see(due.id)
    assert.deepEqual(
      [seen.state, seen.outcome, seen.told],
      ['expired', 'expired', ['checkout.expired']],
    )
    assert.equal((await shop.see(live.id)).state, 'reserved')
  },
  'the sweep takes as many as it is told, those that are due longest first': async (shop) => {
    const [b, a] = [await shop.reserved(20), await shop.reserved(10)]
    await shop.world.pass(30)
    assert.equal((await shop.store.expireDue(1)).count, 1)
    assert.deepEqual(
      [(await shop.see(a.id)).state, (await shop.see(b.id)).state],
      ['expired', 'reserved'],
    )
  },
  'a hold is spared while its payment waits for its turn, or is driven': async (shop) => {
    const driven = await shop.begun(false, 10)
    await shop.world.pass(24)
    assert.equal((await shop.store.expireDue(9)).count, 0)
    await shop.store.lease([{ checkoutId: driven.id, attempt: 1 }], 15)
    const waiting = await shop.begun(true, 10)
    await shop.world.pass(24)
    assert.equal((await shop.store.expireDue(9)).count, 0)
    await shop.world.pass(2)
    assert.equal((await shop.store.expireDue(9)).count, 1)
    assert.equal((await shop.see(driven.id)).state, 'expired')
    assert.equal((await shop.see(waiting.id)).state, 'paying')
  },
  'nobody is spared for longer than an hour': async (shop) => {
    const waiting = await shop.begun(true, 10)
    await shop.world.pass(3_590)
    assert.equal((await shop.store.expireDue(9)).count, 0)
    await shop.world.pass(20)
    assert.equal((await shop.store.expireDue(9)).count, 1)
    const { told, attempts } = await shop.see(waiting.id)
    assert.deepEqual(told, ['checkout.expired', 'payment.cancel'])
    assert.equal(attempts[0]?.state, 'waiting')
  },
  'one that waits for its buyer at the bank is not spared': async (shop) => {
    const { id } = await shop.begun(false, 10)
    const attempt = { attempt: 1, state: 'requires_action', clientSecret: 's' } as const
    await shop.change(id, { attempt })
    await shop.world.pass(11)
    assert.equal((await shop.store.expireDue(9)).count, 1)
  },
  'a buyer gives a hold back, any number of times, and its units go once': async (shop) => {
    const checkout = await shop.reserved()
    const given = await Promise.all([giveUp(shop, checkout), giveUp(shop, checkout)])
    const commands = given.flatMap((each) => (each.tag === 'done' ? each.commands : []))
    assert.ok(given.every(({ tag }) => tag === 'done'))
    assert.equal(commands.length, 1)
    const { state, outcome, reason, told } = await shop.see(checkout.id)
    assert.deepEqual([state, outcome, reason], ['cancelled', 'cancelled', 'by buyer'])
    assert.deepEqual(told, ['order.cancelled'])
  },
  'what is being paid or is paid is not given up; at the bank it is, by who wants it': async (
    shop,
  ) => {
    const [paying, paid] = [await shop.begun(), await shop.paid()]
    assert.deepEqual(await giveUp(shop, paying, { alsoAtBank: true }), {
      tag: 'too late',
      status: 'paying',
    })
    assert.deepEqual(await giveUp(shop, paid), { tag: 'too late', status: 'confirmed' })
    const attempt = { attempt: 1, state: 'requires_action', clientSecret: 's' } as const
    await shop.change(paying.id, { attempt })
    assert.deepEqual((await giveUp(shop, paying)).tag, 'too late')
    assert.deepEqual((await giveUp(shop, paying, { alsoAtBank: true })).tag, 'done')
    assert.deepEqual((await shop.see(paying.id)).told, ['order.cancelled', 'payment.cancel'])
  },
  'what is not there is nobody’s, or is buried': async (shop) => {
    const nowhere = { id: newId(), buyerId: newId() }
    assert.deepEqual(await giveUp(shop, nowhere), { tag: 'unknown' })
    assert.deepEqual(await giveUp(shop, nowhere, { bury: true }), { tag: 'done', commands: [] })
    assert.equal((await shop.see(nowhere.id)).state, 'cancelled')
    const theirs = await shop.reserved()
    assert.deepEqual(await giveUp(shop, { ...theirs, buyerId: newId() }), { tag: 'unknown' })
    assert.equal((await shop.see(theirs.id)).state, 'reserved')
  },
}
