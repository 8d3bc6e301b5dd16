/**
 * Checkout and payment in one call. What fails on the way is undone, and its problem is the answer.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { Carts } from '../../cart/carts.ts'
import { noteDestination } from '../../fulfilment/destinations.ts'
import type { Place } from '../../fulfilment/plan-parcels.ts'
import { AppError } from '../../kernel/errors.ts'
import { orderWordOf } from '../../orders/order-sql.ts'
import { type OrderWord, orderWords } from '../../orders/order-words.ts'
import { sql } from '../../platform/postgres/pool.ts'
import { fingerprintOf } from '../../stock/protocol/request-record.ts'
import type { CheckoutView } from '../reserve/checkout-repository.ts'
import { type Checkouts, mergeLines, type Placed } from '../reserve/checkouts.ts'
import { overloaded } from '../reserve/refusals.ts'
import { type Line, type Refusal, type ReservationStrategy, refused } from '../reserve/strategy.ts'
import type { Confirmations } from './confirm.ts'
import type { Confirmed } from './confirm-answers.ts'
import { wrongMethodType } from './drive.ts'
import { failHold } from './fail-hold.ts'
import type { MoneyStore } from './money/store.ts'

/** What ordering in one call is built from. */
export interface PlaceOrderDeps {
  readonly pool: DatabasePool
  readonly checkouts: Pick<Checkouts, 'place' | 'replay'>
  readonly confirmations: Confirmations
  readonly strategy: Pick<ReservationStrategy, 'post'>
  readonly store: MoneyStore
  readonly carts: Pick<Carts, 'freeze' | 'letGo' | 'take'>
  /** Told when a cart was bought and could not be emptied; a retry with the key empties it. */
  readonly onNotEmptied?: (error: unknown) => void
}

/** The body of POST /api/orders, for the buyer who sends it. */
export interface PlaceOrderRequest {
  readonly buyerId: string
  /** Null: what is in the buyer's cart. */
  readonly lines: readonly Line[] | null
  /** The Idempotency-Key. */
  readonly key: string
  /** Null: only reserve. */
  readonly paymentMethodId: string | null
  readonly shipTo: Place | null
  /** The client's, as the rate limits see it. */
  readonly address?: string
  /** How long to wait for the payment, in milliseconds. Default: 10 seconds. */
  readonly waitMs?: number
}

/** The answer of POST /api/orders when there is an order: 202 while `paying`, else 201. */
export interface OrderPlaced {
  readonly tag: 'placed'
  readonly orderId: string
  readonly status: OrderWord
  /** Minor units. */
  readonly totalAmount: number
  readonly currency: string
  /** For the buyer's browser, when the bank wants the buyer. */
  readonly clientSecret: string | null
  /** When to ask again, in milliseconds: the bank wants the buyer, or has not answered; else null. */
  readonly pollAfterMs: number | null
  /** The key was used before: this is the order it made. */
  readonly replayed: boolean
}

/** What POST /api/orders calls. Waits up to 10 seconds for the commit, then for the payment. */
export type PlaceOrder = (request: PlaceOrderRequest) => Promise<OrderPlaced | Refusal>

/** How long the commit may take. */
const commitMs = 10_000

/**
 * Builds it for POST /api/orders. The function answers a {@link Refusal} when nothing was reserved.
 * It throws the AppError of a payment that failed, as {@link Confirmations.confirm} (then the units
 * went back), and rejects when a store is away. The same key finds the same order again, in its
 * present state.
 */
export function createPlaceOrder(deps: PlaceOrderDeps): PlaceOrder {
  const { pool, checkouts, confirmations, carts, onNotEmptied = () => {} } = deps
  /** Orders of this process that are being paid: one key sent twice at once is paid once. */
  const inFlight = new Map<string, Promise<Confirmed>>()

  return async (request) => {
    const { buyerId, key } = request
    const fingerprint = fingerprintFor(request)
    const asked = { buyerId, key, fingerprint, waitMs: commitMs }
    const { lines } = request
    if (lines) return finish(request, await checkouts.place({ ...asked, lines }))
    // What the cart holds at the first use of the key; only an order that came about empties it.
    const inCart = await carts.freeze(buyerId, key)
    if (!inCart) {
      const known = await checkouts.replay(buyerId, key, fingerprint)
      return known ? finish(request, known) : cartIsEmpty()
    }
    const outcome = await finish(request, await checkouts.place({ ...asked, lines: inCart }))
    if (outcome.tag === 'placed') await carts.take(buyerId, key, inCart).catch(onNotEmptied)
    else if (outcome.code !== 'overloaded') await carts.letGo(buyerId, key)
    return outcome
  }

  async function finish(
    request: PlaceOrderRequest,
    placed: Placed | Refusal,
  ): Promise<OrderPlaced | Refusal> {
    if (placed.tag === 'refused') return placed
    const { paymentMethodId, shipTo } = request
    const { checkout, replayed } = placed
    if (checkout.orderId === null) return withoutOrder(pool, checkout)
    if (shipTo) await noteDestination(pool, checkout.id, shipTo)
    const paid = paymentMethodId === null ? null : await pay(request, checkout, replayed)
    return {
      tag: 'placed',
      orderId: checkout.id,
      status: await statusOf(pool, checkout.id),
      totalAmount: checkout.total ?? 0,
      currency: checkout.currency ?? '',
      clientSecret: paid?.clientSecret ?? null,
      pollAfterMs: paid?.status === 'paying' ? paid.pollAfterMs : null,
      replayed,
    }
  }

  async function pay(
    request: PlaceOrderRequest,
    { id, status }: CheckoutView,
    replayed: boolean,
  ): Promise<Confirmed> {
    const running = inFlight.get(id)
    if (running) return running
    if (replayed) await rethrow(deps, id, status)
    const paying = inFlight.get(id) ?? attempt(request, id).finally(() => inFlight.delete(id))
    inFlight.set(id, paying)
    return paying
  }

  async function attempt(request: PlaceOrderRequest, checkoutId: string): Promise<Confirmed> {
    const { buyerId, paymentMethodId, address, waitMs } = request
    try {
      return await confirmations.confirm({
        checkoutId,
        buyerId,
        paymentMethodId: paymentMethodId ?? '',
        ...(address === undefined ? {} : { address }),
        ...(waitMs === undefined ? {} : { waitMs }),
      })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const why = reasonOf(error)
      const ended = await failHold(deps, checkoutId, why)
      throw ended && why.declineCode !== null ? declined(why.declineCode) : error
    }
  }
}

/** The key stands for the whole body; for a cart as such, not for what was in it. */
function fingerprintFor({ lines, paymentMethodId, shipTo }: PlaceOrderRequest): string {
  const place = shipTo ? `${shipTo.latitude},${shipTo.longitude}` : ''
  const source = lines ? 'order' : 'cart order'
  return fingerprintOf(mergeLines(lines ?? []), `${source} ${paymentMethodId ?? ''} ${place}`)
}

function cartIsEmpty(): Refusal {
  return refused('validation_failed', 'The cart is empty.', {
    errors: [{ path: 'fromCart', message: 'There is nothing in the cart' }],
  })
}

const AttemptRow = z.object({ state: z.string(), declineCode: z.string().nullable() })

/** The same key gets the same problem again, as long as it is the truth. */
async function rethrow(deps: PlaceOrderDeps, checkoutId: string, status: string): Promise<void> {
  if (status !== 'reserved' && status !== 'payment_failed') return
  const last = await deps.pool.maybeOne(sql.type(AttemptRow)`
    select state, decline_code as "declineCode" from payment_attempts
     where checkout_id = ${checkoutId} order by attempt desc limit 1`)
  const problem = problemOf(last)
  if (status === 'payment_failed') throw problem ?? paymentUnavailable()
  if (!problem) return
  // Whoever was told so died before the units went back.
  await failHold(deps, checkoutId, reasonOf(problem))
  throw problem
}

function problemOf(last: z.infer<typeof AttemptRow> | null): AppError | null {
  if (last?.state === 'declined') return declined(last.declineCode ?? 'generic_decline')
  // Any other attempt without a verdict was ended because nobody could be asked.
  const code = last?.declineCode
  if (code !== 'resource_missing' && code !== wrongMethodType) return null
  return new AppError(
    'validation_failed',
    'The payment provider does not accept this payment method.',
    {
      errors: [{ path: 'paymentMethodId', message: 'The payment provider refused it' }],
    },
  )
}

function declined(declineCode: string): AppError {
  return new AppError('card_declined', 'The card was declined. The units have gone back.', {
    members: { declineCode, attemptsLeft: 0 },
  })
}

function paymentUnavailable(): AppError {
  return new AppError(
    'payment_unavailable',
    'The payment provider cannot be reached. The units have gone back.',
    { retryAfterSeconds: 5 },
  )
}

function reasonOf({ code, extras }: AppError): { reason: string; declineCode: string | null } {
  const declineCode = extras.members?.declineCode
  return {
    reason: code === 'card_declined' ? 'declined' : 'the payment could not be made',
    declineCode: typeof declineCode === 'string' ? declineCode : null,
  }
}

const StatusRow = z.object({ status: z.enum(orderWords) })

async function statusOf(pool: DatabasePool, orderId: string): Promise<OrderWord> {
  const { status } = await pool.one(
    sql.type(StatusRow)`select ${orderWordOf('o')} as status from orders o where id = ${orderId}`,
  )
  return status
}

const ReasonRow = z.object({ reason: z.string().nullable() })

/** What was admitted and came to no order. */
async function withoutOrder(pool: DatabasePool, { id, status }: CheckoutView): Promise<Refusal> {
  if (status === 'queued') {
    return overloaded('The order is not committed yet. Send the same key again in a second.')
  }
  if (status === 'lost')
    return overloaded(
      'The order was lost before it was committed. Send the same key again to order anew.',
    )
  if (status !== 'rejected') {
    return refused('invalid_transition', `This order has ended: it is ${status}.`)
  }
  const row = await pool.maybeOne(sql.type(ReasonRow)`select reason from orders where id = ${id}`)
  if (row?.reason === 'limit' || row?.reason === 'over_limit') {
    return refused('purchase_limit', 'This would exceed the limit for each customer.')
  }
  return refused('sold_out', 'The units could not be reserved.')
}
