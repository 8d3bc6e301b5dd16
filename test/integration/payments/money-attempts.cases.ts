/** The contract of MoneyStore: attempts, their queue and their leases. */
import assert from 'node:assert/strict'
import { newId } from '../../../src/kernel/ids.ts'
import { idsOf, type MoneyCase, method, paidFacts, type Shop } from './money-world.ts'

const openStateOf = async (shop: Shop, id: string) => (await shop.store.open(id))?.state ?? null

export const attempting: Record<string, MoneyCase> = {
  'an attempt begins with the amount of its order, and is written before anybody is asked': async (
    shop,
  ) => {
    const checkout = await shop.reserved()
    const begun = await shop.begin(checkout)
    assert.deepEqual(begun, {
      ...{ checkoutId: checkout.id, attempt: 1, paymentMethodId: method, intentId: null },
      ...{ buyerId: checkout.buyerId, orderNumber: begun?.orderNumber, details: null },
      ...{ amount: 500, currency: 'EUR', again: false, keyRound: 0, sentSecondsAgo: 0 },
    })
    assert.equal((await shop.see(checkout.id)).state, 'paying')
    const open = await shop.store.open(checkout.id)
    assert.deepEqual([open?.state, open?.again, open?.ended], ['pending', true, false])
  },
  'of those that begin at once, one begins': async (shop) => {
    const checkout = await shop.reserved()
    const begun = await Promise.all([1, 2, 3].map(() => shop.begin(checkout)))
    assert.equal(begun.filter((each) => each !== null).length, 1)
    assert.equal(await shop.begin(checkout), null)
    assert.equal((await shop.see(checkout.id)).attempts.length, 1)
  },
  'nothing begins too late, for somebody else, or for what does not exist': async (shop) => {
    const late = await shop.reserved(10)
    await shop.world.pass(11)
    const checkout = await shop.reserved()
    assert.equal(await shop.begin(late), null)
    assert.equal(await shop.begin({ ...checkout, buyerId: newId() }), null)
    assert.equal(await shop.begin({ id: newId(), buyerId: checkout.buyerId }), null)
    assert.deepEqual(await shop.see(late.id), {
      ...(await shop.see(late.id)),
      state: 'reserved',
      attempts: [],
    })
  },
  'after a decline the next attempt has the next number, and the intent': async (shop) => {
    const checkout = await shop.begun()
    await shop.change(checkout.id, {
      order: { by: 'payment', to: 'reserved' },
      payment: { intentId: 'pi_1' },
      attempt: { attempt: 1, state: 'declined', declineCode: 'x' },
    })
    assert.equal(await shop.store.open(checkout.id), null)
    const next = await shop.begin(checkout)
    assert.deepEqual([next?.attempt, next?.intentId], [2, 'pi_1'])
  },
  'the queue is served in its order, and nobody is served twice': async (shop) => {
    const waiting = []
    for (let i = 0; i < 5; i++) {
      waiting.push((await shop.begun(true)).id)
      await shop.world.pass(1)
    }
    await shop.begun()
    assert.equal(await shop.store.countWaiting(3), 3)
    assert.equal(await shop.store.countWaiting(10), 5)
    const first = await shop.store.takeWaiting(2)
    assert.deepEqual(idsOf(first).toSorted(), waiting.slice(0, 2).toSorted())
    assert.ok(first.every(({ again }) => !again))
    const rest = await Promise.all([shop.store.takeWaiting(2), shop.store.takeWaiting(2)])
    const taken = [
      ...idsOf(first),
      ...rest.flatMap(idsOf),
      ...idsOf(await shop.store.takeWaiting(9)),
    ]
    assert.deepEqual(taken.toSorted(), waiting.toSorted())
  },
  'who is put back has the place from before, and may have been sent': async (shop) => {
    const a = await shop.begun(true)
    await shop.world.pass(1)
    const b = await shop.begun(true)
    assert.deepEqual(idsOf(await shop.store.takeWaiting(1)), [a.id])
    await shop.world.pass(3)
    await shop.store.putBack([{ checkoutId: a.id, attempt: 1 }])
    assert.equal((await shop.store.view(a.id, a.buyerId))?.position, 0)
    assert.equal((await shop.store.view(b.id, b.buyerId))?.position, 1)
    const [again] = await shop.store.takeWaiting(1)
    assert.deepEqual([again?.checkoutId, again?.again], [a.id, true])
    assert.ok((again?.sentSecondsAgo ?? 0) >= 3)
  },
  'only what is being asked for is put back': async (shop) => {
    const paid = await shop.paid()
    const waits = await shop.begun()
    const attempt = { attempt: 1, state: 'requires_action', clientSecret: 's' } as const
    await shop.change(waits.id, { attempt })
    const both = [paid, waits].map(({ id }) => ({ checkoutId: id, attempt: 1 }))
    await shop.store.putBack([...both, { checkoutId: newId(), attempt: 1 }])
    await shop.store.putBack([])
    assert.deepEqual(await shop.store.takeWaiting(9), [])
    assert.equal(await openStateOf(shop, waits.id), 'requires_action')
  },
  'an attempt is taken over when its lease is over, by one': async (shop) => {
    const { id } = await shop.begun()
    await shop.begun(true)
    await shop.world.pass(13)
    assert.deepEqual(await shop.store.takeOverdue(9), [])
    await shop.world.pass(3)
    const taken = await Promise.all([shop.store.takeOverdue(9), shop.store.takeOverdue(9)])
    const [attempt, ...others] = taken.flat()
    assert.deepEqual([attempt?.checkoutId, others], [id, []])
    assert.deepEqual([attempt?.state, attempt?.again, attempt?.ended], ['pending', true, false])
    assert.ok((attempt?.sentSecondsAgo ?? 0) >= 15)
    assert.deepEqual(await shop.store.takeOverdue(9), [])
    await shop.world.pass(16)
    assert.deepEqual(idsOf(await shop.store.takeOverdue(9)), [id])
  },
  'those that have waited longest are taken over first': async (shop) => {
    const a = await shop.begun()
    await shop.world.pass(5)
    const b = await shop.begun()
    await shop.world.pass(20)
    assert.deepEqual(idsOf(await shop.store.takeOverdue(1)), [a.id])
    assert.deepEqual(idsOf(await shop.store.takeOverdue(1)), [b.id])
  },
  'a lease that is renewed goes on; what has a verdict has none': async (shop) => {
    const [driven, paid] = [await shop.begun(), await shop.paid()]
    await shop.world.pass(14)
    await shop.store.lease(
      [driven, paid].map(({ id }) => ({ checkoutId: id, attempt: 1 })),
      15,
    )
    await shop.store.lease([], 15)
    await shop.world.pass(10)
    assert.deepEqual(await shop.store.takeOverdue(9), [])
    assert.deepEqual((await shop.see(paid.id)).attempts[0]?.state, 'succeeded')
    await shop.world.pass(6)
    assert.deepEqual(idsOf(await shop.store.takeOverdue(9)), [driven.id])
  },
  'a buyer has the bank to themselves for half a minute': async (shop) => {
    const { id, buyerId } = await shop.begun()
    const attempt = { attempt: 1, state: 'requires_action', clientSecret: 'secret' } as const
    await shop.change(id, { attempt })
    const view = await shop.store.view(id, buyerId)
    assert.deepEqual([view?.state, view?.clientSecret], ['requires_action', 'secret'])
    await shop.world.pass(28)
    assert.deepEqual(await shop.store.takeOverdue(9), [])
    await shop.world.pass(4)
    assert.equal((await shop.store.takeOverdue(9))[0]?.state, 'requires_action')
  },
  'another card takes the place of one in one step, and a success is left to the rules': async (
    shop,
  ) => {
    const { id, buyerId } = await shop.begun()
    await shop.change(id, {
      payment: { intentId: `pi_${id}` },
      attempt: { attempt: 1, state: 'requires_action', clientSecret: 's' },
    })
    const other = { attempt: 2, paymentMethodId: 'pm_other', queue: false, details: null }
    await shop.change(id, { attempt: { attempt: 1, state: 'replaced' }, begin: other })
    const view = await shop.store.view(id, buyerId)
    assert.deepEqual(
      [view?.state, view?.paymentMethodId, view?.declines],
      ['pending', 'pm_other', 1],
    )
    const open = await shop.store.open(id)
    assert.deepEqual([open?.attempt, open?.state, open?.intentId], [2, 'pending', `pi_${id}`])
    assert.deepEqual(await shop.store.takeOverdue(9), [])
    assert.equal(await shop.store.capture(id, paidFacts(id)), null)
    await shop.change(id, {
      order: { by: 'payment', to: 'paid', outcome: 'confirmed', reason: null },
      attempt: { attempt: 1, state: 'succeeded' },
      otherAttempt: { attempt: 2, state: 'abandoned' },
    })
    assert.deepEqual(
      (await shop.see(id)).attempts.map(({ state }) => state),
      ['succeeded', 'abandoned'],
    )
    const paid = await shop.store.view(id, buyerId)
    assert.deepEqual([paid?.state, paid?.paymentMethodId], ['succeeded', method])
  },
  'another card waits in the queue as the first one did': async (shop) => {
    const { id } = await shop.begun()
    const details = { receiptEmail: 'buyer@example.com' }
    await shop.change(id, { attempt: { attempt: 1, state: 'requires_action', clientSecret: 's' } })
    const other = { attempt: 2, paymentMethodId: 'pm_other', queue: true, details }
    await shop.change(id, { attempt: { attempt: 1, state: 'replaced' }, begin: other })
    const [taken] = await shop.store.takeWaiting(9)
    assert.deepEqual(
      [taken?.checkoutId, taken?.attempt, taken?.paymentMethodId, taken?.again],
      [id, 2, 'pm_other', false],
    )
    assert.deepEqual(taken?.details, details)
  },
  'details of the buyer are kept until the verdict, and then forgotten': async (shop) => {
    const checkout = await shop.reserved()
    const details = {
      shipping: { name: 'B', address: { line1: "12, Rue de l'Été", country: 'FR' } },
    }
    const begun = await shop.store.begin({
      ...{ checkoutId: checkout.id, buyerId: checkout.buyerId, paymentMethodId: method },
      ...{ queue: false, details },
    })
    assert.deepEqual(begun?.details, details)
    assert.deepEqual((await shop.store.open(checkout.id))?.details, details)
    await shop.change(checkout.id, { attempt: { attempt: 1, state: 'abandoned' } })
    await shop.change(checkout.id, { attempt: { attempt: 1, state: 'requires_action' } })
    assert.equal((await shop.store.open(checkout.id))?.details, null)
  },
  'an attempt names its card, and the one that paid': async (shop) => {
    const { id, buyerId } = await shop.begun()
    const visa = { brand: 'visa', last4: '4242' }
    await shop.change(id, {
      order: { by: 'payment', to: 'reserved' },
      attempt: { attempt: 1, state: 'declined', card: { brand: 'amex', last4: '0005' } },
    })
    assert.deepEqual((await shop.store.view(id, buyerId))?.card, { brand: 'amex', last4: '0005' })
    await shop.begin({ id, buyerId })
    assert.equal((await shop.store.view(id, buyerId))?.card, null)
    assert.ok(await shop.store.capture(id, { ...paidFacts(id), card: visa }))
    assert.deepEqual((await shop.store.view(id, buyerId))?.card, visa)
    const { decided } = await shop.store.change(id, (facts) => ({ facts, change: null }))
    assert.deepEqual(
      decided.facts.attempts.map(({ cardKnown }) => cardKnown),
      [true, true],
    )
  },
  'a payment in processing is looked at, and its hold stays for two weeks': async (shop) => {
    const { id, buyerId } = await shop.begun(false, 10)
    const debit = { attempt: 1, state: 'pending', processing: true } as const
    await shop.change(id, { attempt: debit })
    assert.equal((await shop.store.view(id, buyerId))?.processing, true)
    await shop.world.pass(20)
    assert.deepEqual(await shop.store.takeOverdue(9), [])
    await shop.world.pass(13 * 86_400)
    assert.equal((await shop.store.expireDue(9)).count, 0)
    assert.equal((await shop.store.takeOverdue(9))[0]?.processing, true)
    await shop.world.pass(86_400)
    assert.equal((await shop.store.expireDue(9)).count, 1)
  },
  'a key is left behind once': async (shop) => {
    const { id } = await shop.begun()
    const attempt = { checkoutId: id, attempt: 1 }
    const left = await Promise.all([1, 2, 3].map(() => shop.store.leaveKey(attempt, 0)))
    assert.equal(left.filter((each) => each).length, 1)
    assert.equal((await shop.store.open(id))?.keyRound, 1)
    assert.equal(await shop.store.leaveKey(attempt, 0), false)
    assert.equal(await shop.store.leaveKey(attempt, 1), true)
    const paid = await shop.paid()
    assert.equal(await shop.store.leaveKey({ checkoutId: paid.id, attempt: 1 }, 0), false)
  },
  'a buyer sees where the payment stands, and nobody else does': async (shop) => {
    const reserved = await shop.reserved()
    const nothing = {
      ...{ state: null, declineCode: null, clientSecret: null, declines: 0, position: null },
      ...{ paymentMethodId: null, card: null, processing: false, leaseOver: false },
    }
    assert.deepEqual(await shop.store.view(reserved.id, reserved.buyerId), {
      ...nothing,
      status: 'reserved',
    })
    assert.equal(await shop.store.view(reserved.id, newId()), null)
    assert.equal(await shop.store.view(newId(), reserved.buyerId), null)
    const driven = await shop.begun()
    await shop.world.pass(16)
    const view = await shop.store.view(driven.id, driven.buyerId)
    assert.deepEqual(view, {
      ...{ ...nothing, status: 'paying', state: 'pending' },
      ...{ paymentMethodId: method, leaseOver: true },
    })
    await shop.change(driven.id, {
      order: { by: 'payment', to: 'reserved' },
      attempt: { attempt: 1, state: 'declined', declineCode: 'stolen_card' },
    })
    const declined = await shop.store.view(driven.id, driven.buyerId)
    assert.deepEqual(
      [declined?.status, declined?.state, declined?.declineCode, declined?.declines],
      ['reserved', 'declined', 'stolen_card', 1],
    )
  },
  'what has ended says so to whoever takes its attempt over': async (shop) => {
    const { id } = await shop.expired()
    const [attempt] = await shop.store.takeOverdue(9)
    assert.deepEqual([attempt?.checkoutId, attempt?.ended], [id, true])
    assert.equal(await shop.store.capture(id, paidFacts(id)), null)
  },
}
