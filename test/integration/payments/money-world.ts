/** What the contract of MoneyStore needs of an implementation, and the moves that its cases are made of. */
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import type { MoneyChange } from '../../../src/flows/pay/money/facts.ts'
import type { Attempt, MoneyStore } from '../../../src/flows/pay/money/store.ts'
import { newId } from '../../../src/kernel/ids.ts'
import type { MoneySeen } from '../../support/purchases/money.ts'
import type { NewCheckout } from '../../support/purchases/write.ts'

/** One shop without purchases. */
export interface MoneyWorld {
  readonly store: MoneyStore
  /** Reserves one unit of MUG for 500 EUR cents. */
  hold(checkout: NewCheckout, expiresInSeconds: number): Promise<void>
  /** Lets so many seconds have passed. */
  pass(seconds: number): Promise<void>
  /** The owner of the units has done what it was told of a checkout; its lines are now so. */
  answer(checkoutId: string, stock: 'sold' | 'released'): Promise<void>
  see(checkoutId: string): Promise<MoneySeen>
}

/** Makes worlds, one for each case. */
export type MakeMoneyWorld = (t: TestContext) => Promise<() => Promise<MoneyWorld>>

export type MoneyCase = (shop: Shop) => Promise<void>

export const method = 'pm_card_visa'

/** What the provider says of a checkout's intent when it was paid. */
export const paidFacts = (checkoutId: string) => ({
  id: `pi_${checkoutId}`,
  amount: 500,
  amountReceived: 500,
  currency: 'EUR',
})

/** A world, and purchases in it that have come so far. */
export class Shop {
  readonly world: MoneyWorld
  readonly store: MoneyStore

  constructor(world: MoneyWorld) {
    this.world = world
    this.store = world.store
  }

  async reserved(expiresInSeconds = 600): Promise<NewCheckout> {
    const checkout = { id: newId(), buyerId: newId() }
    await this.world.hold(checkout, expiresInSeconds)
    return checkout
  }

  begin({ id, buyerId }: NewCheckout, queue = false): Promise<Attempt | null> {
    return this.store.begin({ checkoutId: id, buyerId, paymentMethodId: method, queue })
  }

  async begun(queue = false, expiresInSeconds = 600): Promise<NewCheckout> {
    const checkout = await this.reserved(expiresInSeconds)
    assert.equal((await this.begin(checkout, queue))?.attempt, 1)
    return checkout
  }

  async paid(): Promise<NewCheckout> {
    const checkout = await this.begun()
    assert.ok(await this.store.capture(checkout.id, paidFacts(checkout.id)))
    return checkout
  }

  /** A hold that has expired, and whose attempt has no verdict. */
  async expired(): Promise<NewCheckout> {
    const checkout = await this.begun(false, 10)
    await this.world.pass(60)
    assert.equal((await this.store.expireDue(10)).count, 1)
    return checkout
  }

  /** Its money came late, and goes back. */
  async refunding(): Promise<{ readonly id: string; readonly refundId: string }> {
    const { id } = await this.expired()
    const payment = { intentId: `pi_${id}`, status: 'succeeded', captured: 500 } as const
    await this.change(id, { payment, refund: { reason: 'late' } })
    const { refunds } = await this.see(id)
    return { id, refundId: refunds[0]?.id ?? '' }
  }

  change(id: string, change: MoneyChange | null) {
    return this.store.change(id, () => ({ change }))
  }

  see(id: string): Promise<MoneySeen> {
    return this.world.see(id)
  }
}

/** Ids of checkouts, in their order. */
export const idsOf = (attempts: readonly Attempt[]) => attempts.map(({ checkoutId }) => checkoutId)
