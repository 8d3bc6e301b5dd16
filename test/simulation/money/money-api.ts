/** An API process: the real confirmations and their queue, and what else buyers call. */

import {
  type CancelCheckout,
  createCancelCheckout,
} from '../../../src/flows/pay/cancel-checkout.ts'
import { Confirmations } from '../../../src/flows/pay/confirm.ts'
import { failHold } from '../../../src/flows/pay/fail-hold.ts'
import type { MoneyDeps } from '../../../src/flows/pay/money-deps.ts'
import { PaymentQueue } from '../../../src/flows/pay/payment-queue.ts'
import type { CheckoutView } from '../../../src/flows/reserve/checkout-repository.ts'
import { AppError } from '../../../src/kernel/errors.ts'
import { checkoutWord } from '../../../src/orders/order-words.ts'
import type { SimProcess } from '../sim-process.ts'
import type { SellersWish } from './money-plan.ts'
import type { MoneyStage } from './money-stage.ts'

export interface Press {
  readonly checkoutId: string
  readonly buyerId: string
  readonly card: string
  readonly waitMs: number
  /** As POST /api/orders: a payment that fails ends the hold. */
  readonly inOneCall: boolean
}

export type MoneyAnswer =
  | { readonly tag: 'confirmed' }
  | { readonly tag: 'paying'; readonly clientSecret: string | null; readonly pollAfterMs: number }
  | { readonly tag: 'problem'; readonly code: string; readonly attemptsLeft: number | null }

export class MoneyApi {
  readonly process: SimProcess
  readonly #stage: MoneyStage
  readonly #money: MoneyDeps
  readonly #confirmations: Confirmations
  readonly #cancel: CancelCheckout
  readonly #shop: Pick<MoneyStage['shop'], 'cancelOrder' | 'refundOrder'>

  constructor(stage: MoneyStage, name: string) {
    this.#stage = stage
    this.process = stage.process(name)
    this.#money = stage.moneyOf(this.process)
    const queue = new PaymentQueue({ ...this.#money, budget: stage.budget })
    const get = async (id: string, buyerId: string) => this.#view(id, buyerId)
    const checkouts = { get, getCommitted: get }
    this.#confirmations = new Confirmations({ ...this.#money, queue, checkouts })
    this.#cancel = createCancelCheckout({
      ...this.#money,
      ids: { mint: () => stage.ids(), read: () => null },
    })
    this.#shop = stage.through(this.process, 'shop', stage.shop)
  }

  /** Never rejects; the process may die meanwhile. */
  async pay(press: Press): Promise<MoneyAnswer> {
    const { checkoutId, buyerId, card, waitMs, inOneCall } = press
    try {
      const request = { checkoutId, buyerId, paymentMethodId: card, waitMs }
      const { status, clientSecret, pollAfterMs } = await this.#confirmations.confirm(request)
      return status === 'confirmed'
        ? { tag: 'confirmed' }
        : { tag: 'paying', clientSecret, pollAfterMs }
    } catch (error) {
      const problem = problemOf(error)
      if (inOneCall && error instanceof AppError) await this.#fail(checkoutId, problem.code)
      return problem
    }
  }

  /** Gives up what is not paid, and cancels what is. */
  async cancel(checkoutId: string, buyerId: string): Promise<void> {
    const { story } = this.#stage
    await this.#cancel(checkoutId, buyerId, { alsoAtBank: true }).catch((error: unknown) =>
      story.note(this.process.name, 'cannot give up', error),
    )
    await this.#shop.cancelOrder(checkoutId).catch((error: unknown) => {
      story.note(this.process.name, 'cannot cancel', error)
    })
  }

  /** A seller, or an operator, gives money back. */
  async refund(checkoutId: string, wish: SellersWish): Promise<void> {
    await this.#shop.refundOrder(checkoutId, wish).catch((error: unknown) => {
      this.#stage.story.note(this.process.name, 'cannot refund', error)
    })
  }

  async #fail(checkoutId: string, code: string): Promise<void> {
    const reason = code === 'card_declined' ? 'declined' : 'the payment could not be made'
    await failHold(this.#money, checkoutId, { reason, declineCode: null }).catch(() => false)
  }

  #view(id: string, buyerId: string): CheckoutView {
    const order = this.#stage.tables.orders.get(id)
    if (order?.buyerId !== buyerId) throw new AppError('not_found', 'There is no such checkout.')
    return {
      ...{ id, status: checkoutWord(order.state, order.outcome), position: null, etaSeconds: null },
      ...{ orderId: id, total: order.total, currency: order.currency, expiresAt: null, items: [] },
    }
  }
}

function problemOf(error: unknown): Extract<MoneyAnswer, { tag: 'problem' }> {
  if (!(error instanceof AppError))
    return { tag: 'problem', code: String(error), attemptsLeft: null }
  const left = error.extras.members?.attemptsLeft
  return { tag: 'problem', code: error.code, attemptsLeft: typeof left === 'number' ? left : null }
}
