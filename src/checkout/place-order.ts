/** Checkout and payment in one call. What fails on the way is undone, and its problem is the answer. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { noteDestination } from '../fulfilment/destinations.ts'
import type { Place } from '../fulfilment/plan-parcels.ts'
import { AppError } from '../kernel/errors.ts'
import { type OrderStatus, orderMoves } from '../orders/order-state.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { CheckoutView } from './checkout-repository.ts'
import type { Checkouts } from './checkouts.ts'
import type { Confirmations, Confirmed } from './confirm.ts'
import { overloaded } from './refusals.ts'
import { failHold } from './saga/fail-hold.ts'
import { type Line, type Refusal, type ReservationStrategy, refused } from './strategy.ts'

export interface PlaceOrderDeps {
  readonly pool: DatabasePool
  readonly checkouts: Pick<Checkouts, 'place'>
  readonly confirmations: Confirmations
  readonly strategy: Pick<ReservationStrategy, 'post'>
}

export interface PlaceOrderRequest {
  readonly buyerId: string
  readonly lines: readonly Line[]
  readonly key: string
  /** Null: only reserve. */
  readonly paymentMethodId: string | null
  readonly shipTo: Place | null
}

export interface OrderPlaced {
  readonly tag: 'placed'
  readonly orderId: string
  readonly status: OrderStatus
  /** Minor units. */
  readonly totalAmount: number
  readonly currency: string
  /** For the buyer's browser, when the bank wants the buyer. */
  readonly clientSecret: string | null
  /** The bank wants the buyer, or has not answered. */
  readonly paying: boolean
  readonly replayed: boolean
}

export type PlaceOrder = (request: PlaceOrderRequest) => Promise<OrderPlaced | Refusal>

/** How long the commit may take. */
const commitMs = 10_000

/**
 * The function answers a refusal when nothing was reserved, and throws the problem of a payment that
 * failed: then the units went back. The same key finds the same order again, in its present state.
 */
export function createPlaceOrder(deps: PlaceOrderDeps): PlaceOrder {
  const { pool, checkouts, confirmations } = deps
  /** Orders of this process that are being paid: one key sent twice at once is paid once. */
  const inFlight = new Map<string, Promise<Confirmed>>()

  return async (request) => {
    const { buyerId, lines, key, paymentMethodId, shipTo } = request
    const content = `order ${paymentMethodId ?? ''} ${shipTo ? `${shipTo.latitude},${shipTo.longitude}` : ''}`
    const placed = await checkouts.place({ buyerId, lines, key, content, waitMs: commitMs })
    if (placed.tag === 'refused') return placed
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
      paying: paid?.status === 'paying',
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
    const { buyerId, paymentMethodId } = request
    try {
      return await confirmations.confirm({
        checkoutId,
        buyerId,
        paymentMethodId: paymentMethodId ?? '',
      })
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const why = reasonOf(error)
      const ended = await failHold(deps, checkoutId, why)
      throw ended && why.declineCode !== null ? declined(why.declineCode) : error
    }
  }
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
  if (last?.state !== 'abandoned') return null
  return new AppError('validation_failed', 'The payment method cannot be used.', {
    errors: [{ path: 'paymentMethodId', message: 'Refused by the payment provider' }],
  })
}

function declined(declineCode: string): AppError {
  return new AppError('card_declined', 'The card was declined; the units were given back.', {
    members: { declineCode, attemptsLeft: 0 },
  })
}

function paymentUnavailable(): AppError {
  return new AppError(
    'payment_unavailable',
    'The payment provider could not be reached; the units were given back.',
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

const StatusRow = z.object({ status: z.enum(orderMoves.states) })

async function statusOf(pool: DatabasePool, orderId: string): Promise<OrderStatus> {
  const { status } = await pool.one(
    sql.type(StatusRow)`select status from orders where id = ${orderId}`,
  )
  return status
}

const ReasonRow = z.object({ reason: z.string().nullable() })

/** What was admitted and came to no order. */
async function withoutOrder(pool: DatabasePool, { id, status }: CheckoutView): Promise<Refusal> {
  if (status === 'queued') {
    return overloaded('The order is not committed yet; the same key finds it again in a moment.')
  }
  if (status === 'lost') return overloaded('The order was lost; the same key may be tried again.')
  if (status !== 'rejected') {
    return refused('invalid_transition', `This order was given up: it is ${status}.`)
  }
  const row = await pool.maybeOne(
    sql.type(ReasonRow)`select reason from checkouts where id = ${id}`,
  )
  if (row?.reason === 'limit' || row?.reason === 'over_limit') {
    return refused('purchase_limit', 'This would be more than a customer may have.')
  }
  return refused('sold_out', 'The units could not be reserved.')
}
