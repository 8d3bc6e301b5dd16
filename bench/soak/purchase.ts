/** One purchase as a buyer makes it who does not give up soon, whatever is answered. */

import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import type { SeededRandom } from '../../src/kernel/random.ts'
import { bodyFor, checkoutPath } from '../scenarios/buying.ts'
import { callApi } from '../scenarios/winner.ts'
import type { Script } from './trouble.ts'

/** What a buyer does, decided beforehand: the same for a seed, however the run goes. */
export interface PurchasePlan {
  readonly card: string
  /** How a buyer answers the bank; null: not at all. */
  readonly bank: 'succeed' | 'fail' | null
  /** Takes another card after a decline. */
  readonly second: boolean
  readonly cancels: boolean
}

const cards: readonly (readonly [string, number])[] = [
  ['pm_card_visa', 40],
  ['pm_card_mastercard', 15],
  ['pm_card_amex', 10],
  ['pm_card_chargeDeclined', 10],
  ['pm_card_chargeDeclinedInsufficientFunds', 5],
  ['pm_card_authenticationRequired', 15],
  ['pm_card_pendingRefund', 3],
  ['pm_card_createDispute', 2],
]
const cardOf = cards.flatMap(([card, share]) => Array.from({ length: share }, () => card))

/** Makes up one purchase. */
export function planPurchase(random: SeededRandom): PurchasePlan {
  return {
    card: random.pick(cardOf),
    bank: random.pick(['succeed', 'succeed', 'succeed', 'fail', null] as const),
    second: random.chance(0.5),
    cancels: random.chance(0.1),
  }
}

const patienceMs = 60_000
const pauseMs = 300
const ended = [
  'confirmed',
  'payment_failed',
  'expired',
  'cancelled',
  'rejected',
  'lost',
  'sold_out',
]

export interface Buyer {
  readonly api: string
  readonly token: string
  readonly sku: string
  readonly signal: AbortSignal
  readonly script: Script
}

/** Buys, and resolves with the checkout's last status; null when it could not be known in a minute. */
export async function buy(plan: PurchasePlan, buyer: Buyer): Promise<string | null> {
  const { api, token, sku, signal } = buyer
  const deadline = systemClock.monotonic() + patienceMs
  const headers = { prefer: 'wait=5', 'idempotency-key': newId() }
  let id: string | undefined
  let card = plan.card
  let confirmed = false
  let word: string | null = null
  while (systemClock.monotonic() < deadline) {
    const path = `${checkoutPath}/${id}`
    const confirm = JSON.stringify({ paymentMethodId: card })
    const { status, body } = await (id === undefined
      ? callApi(api, 'POST', checkoutPath, { token, signal, headers, body: bodyFor(sku) })
      : confirmed
        ? callApi(api, 'GET', path, { token, signal })
        : callApi(api, 'POST', `${path}/confirm`, { token, signal, body: confirm }))
    if (id === undefined) {
      if (status < 300 && typeof body.id === 'string') id = body.id
    } else {
      if (status === 200 || status === 202) confirmed = true
      if (status === 410 || status === 409 || status === 404) confirmed = true
      if (typeof body.clientSecret === 'string') await answerBank(plan, body.clientSecret, buyer)
      if (typeof body.status === 'string') word = body.status
      if (word !== null && ended.includes(word)) break
      if (status === 402 || word === 'reserved') {
        // Declined: the hold is kept, for another card or to its end.
        if (!plan.second) return 'reserved'
        card = 'pm_card_visa'
        confirmed = false
      }
    }
    await systemClock.sleep(pauseMs, signal)
    signal.throwIfAborted()
  }
  if (word === 'confirmed' && plan.cancels) {
    await callApi(api, 'PUT', `/api/orders/${id}/cancel`, { token, signal })
  }
  return word
}

/** At most once to an effect: the bank asks one question. */
async function answerBank({ bank }: PurchasePlan, secret: string, { script }: Buyer) {
  if (bank === null) return
  const intent = secret.replace(/_secret_.*$/, '')
  await script('POST', `payment_intents/${intent}/authenticate`, { outcome: bank })
}
