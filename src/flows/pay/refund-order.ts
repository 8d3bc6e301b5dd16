/** A seller gives money of their lines back, or an operator of a whole order: with or without the units. */
import { createHash } from 'node:crypto'
import {
  type DatabasePool,
  type DatabaseTransactionConnection,
  UniqueIntegrityConstraintViolationError,
} from 'slonik'
import { z } from 'zod'
import { appendAudit } from '../../audit/audit-log.ts'
import { withdrawUnits } from '../../fulfilment/withdraw-units.ts'
import { AppError } from '../../kernel/errors.ts'
import { limits } from '../../kernel/limits.ts'
import { lockOrder } from '../../orders/order-repository.ts'
import { noOrder } from '../../orders/orders.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { StockCommand } from '../../stock/protocol/messages.ts'
import type { ReservationStrategy } from '../reserve/strategy.ts'
import {
  type DecidedRefund,
  decideOrderRefund,
  type OrderRefund,
} from './money/decide-order-refund.ts'
import type { RefundBook, RefundState } from './money/refund-facts.ts'
import { changeRefundsIn } from './money/refunds.ts'

/** What refunding an order is built from. */
export interface RefundOrderDeps {
  readonly pool: DatabasePool
  readonly strategy: Pick<ReservationStrategy, 'post'>
}

/** What POST /api/orders/:id/refunds is sent. */
export interface RefundOrderRequest extends Pick<OrderRefund, 'lines' | 'amount' | 'restock'> {
  readonly orderId: string
  readonly by: { readonly id: string; readonly role: 'seller' | 'admin' }
  /** Of the caller; it names one refund, whatever the order. */
  readonly key: string
  readonly reason: string
}

/** The refund that was asked for, now or before with the same key. `amount` is in minor units. */
export interface RefundOfOrder {
  readonly id: string
  readonly amount: number
  readonly status: RefundState
  readonly replayed: boolean
}

/** What POST /api/orders/:id/refunds calls. */
export type RefundOrder = (request: RefundOrderRequest) => Promise<RefundOfOrder>

/**
 * Builds it for the API; a job carries the refund out, the units go back at once. The function throws AppError
 * `not_found` for an order, or a line, that is not the caller's; `invalid_transition` when more is asked for than is
 * left, or a 51st time; `idempotency_key_reused`; `validation_failed` when no units are named that could go back; and
 * PostgreSQL's errors.
 */
export function createRefundOrder({ pool, strategy }: RefundOrderDeps): RefundOrder {
  return async (request) => {
    const { refund, commands } = await pool
      .transaction((tx) => refundOnce(tx, request))
      .catch((error: unknown) => {
        // The same key at the same moment, for another order.
        const raced = error instanceof UniqueIntegrityConstraintViolationError
        throw raced && error.constraint === 'refunds_key' ? keyReused() : error
      })
    if (commands.length > 0) await strategy.post(commands)
    return refund
  }
}

interface Refunding {
  readonly refund: RefundOfOrder
  readonly commands: readonly StockCommand[]
}

async function refundOnce(
  tx: DatabaseTransactionConnection,
  request: RefundOrderRequest,
): Promise<Refunding> {
  const { orderId, by } = request
  // Whoever repeats the request while it is under way waits here, and finds what it has done.
  const order = await lockOrder(tx, orderId)
  if (!order?.placed) throw noOrder()
  const before = await askedBefore(tx, request)
  if (before) return { refund: before, commands: [] }
  const { decided, commands } = await changeRefundsIn(tx, orderId, (book, freshId) =>
    decide(book, request, freshId),
  )
  const { refund, change } = decided
  await withdrawUnits(tx, orderId, change.back)
  await appendAudit(tx, {
    actor: by,
    action: 'order.refunded',
    subject: `order:${orderId}`,
    details: {
      ...{ refundId: refund.id, amount: refund.amount, reason: request.reason },
      ...{ lines: refund.lines ?? [], restock: request.restock },
    },
  })
  const { id, amount } = refund
  return { refund: { id, amount, status: 'pending', replayed: false }, commands }
}

/** @throws AppError, and nothing is changed. */
function decide(
  book: RefundBook,
  request: RefundOrderRequest,
  freshId: () => string,
): Extract<DecidedRefund, { tag: 'asked' }> {
  const { by, key, reason, lines, amount, restock } = request
  const sellerId = by.role === 'seller' ? by.id : null
  if (sellerId !== null && !book.lines.some((line) => line.sellerId === sellerId)) throw noOrder()
  if (book.refunds.length >= limits.orderRefunds) {
    throw refused(`An order has ${limits.orderRefunds} refunds at most.`)
  }
  const asked = { by: by.id, key, fingerprint: fingerprintOf(request) }
  const decided = decideOrderRefund(
    book,
    { sellerId, lines, amount, restock, note: reason, asked },
    freshId,
  )
  switch (decided.tag) {
    case 'asked':
      return decided
    case 'too much':
      throw refused('There is not so much left to refund.')
    case 'not theirs':
      throw new AppError('not_found', 'The order has no such line of yours.')
    case 'no units':
      throw new AppError('validation_failed', 'Name the lines whose units go back to the stock.', {
        errors: [{ path: 'lines', message: 'Required with restock and a part of the money' }],
      })
  }
}

const refused = (detail: string) => new AppError('invalid_transition', detail)

function keyReused(): AppError {
  return new AppError(
    'idempotency_key_reused',
    'This Idempotency-Key was used with another body before.',
  )
}

const AskedRow = z.object({
  id: z.string(),
  amount: z.number(),
  status: z.enum(['pending', 'succeeded', 'failed']),
  fingerprint: z.string(),
})

/** @throws AppError when the key was used for something else. */
async function askedBefore(
  tx: DatabaseTransactionConnection,
  request: RefundOrderRequest,
): Promise<RefundOfOrder | null> {
  const row = await tx.maybeOne(sql.type(AskedRow)`
    select id, amount, state as status, fingerprint from refunds
     where asked_by = ${request.by.id} and idempotency_key = ${request.key}`)
  if (!row) return null
  const { fingerprint, ...refund } = row
  if (fingerprint !== fingerprintOf(request)) throw keyReused()
  return { ...refund, replayed: true }
}

/** Of the order and the body; the order of the lines makes no difference. */
function fingerprintOf({ orderId, lines, amount, restock, reason }: RefundOrderRequest): string {
  const sorted = lines?.map(({ sku, quantity }) => [sku, quantity]).toSorted() ?? null
  const body = JSON.stringify([orderId, sorted, amount, restock, reason])
  return createHash('sha256').update(body).digest('base64url')
}
