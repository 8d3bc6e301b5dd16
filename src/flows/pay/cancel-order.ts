/** A buyer gives an order up: before it is paid, its hold; afterwards, units and money go back. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { appendAudit } from '../../audit/audit-log.ts'
import { anyShipped, cancelShipments } from '../../fulfilment/shipments.ts'
import { AppError } from '../../kernel/errors.ts'
import { newId } from '../../kernel/ids.ts'
import { cancelPaid } from '../../orders/move-lines.ts'
import { linesOf, lockOrder } from '../../orders/order-repository.ts'
import { orderWordOf } from '../../orders/order-sql.ts'
import { checkMove } from '../../orders/order-state.ts'
import { orderWord } from '../../orders/order-words.ts'
import { noOrder } from '../../orders/orders.ts'
import { requestRefund } from '../../payments/refunds.ts'
import { appendOutbox } from '../../platform/outbox.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { StockCommand } from '../../stock/protocol/messages.ts'
import { writeCommands } from '../reserve/end-checkout.ts'
import type { ReservationStrategy } from '../reserve/strategy.ts'
import type { CancelCheckout } from './cancel-checkout.ts'

/** What cancelling an order is built from. */
export interface CancelDeps {
  readonly pool: DatabasePool
  readonly cancelCheckout: CancelCheckout
  readonly strategy: Pick<ReservationStrategy, 'post'>
}

/** What PUT /api/orders/:id/cancel calls: cancels an order, once, however often it is asked for. */
export type CancelOrder = (orderId: string, buyerId: string) => Promise<void>

/**
 * Builds it for the API; units go back at once, a job refunds what was paid. The function throws
 * AppError `not_found` for an order of somebody else's, and `invalid_transition` while the provider
 * is asked to charge it, once any of it is on its way, or when it has expired; and PostgreSQL's
 * errors.
 */
export function createCancelOrder({ pool, cancelCheckout, strategy }: CancelDeps): CancelOrder {
  return async (orderId, buyerId) => {
    let status = await statusOf(pool, orderId, buyerId)
    if (status === 'awaiting_payment') {
      try {
        await cancelCheckout(orderId, buyerId, { alsoAtBank: true })
      } catch (error) {
        // The provider is asked at this moment. If it has been paid by now, that is another way to
        // cancel it.
        status = await statusOf(pool, orderId, buyerId)
        if (status === 'awaiting_payment') throw error
      }
    }
    const commands = await pool.transaction((tx) => cancel(tx, orderId, buyerId))
    if (commands.length > 0) await strategy.post(commands)
  }
}

const StatusRow = z.object({ status: z.string() })

async function statusOf(pool: DatabasePool, orderId: string, buyerId: string): Promise<string> {
  const status = await pool.maybeOneFirst(sql.type(StatusRow)`
    select ${orderWordOf('o')} as status from orders o
     where id = ${orderId} and buyer_id = ${buyerId} and number is not null`)
  if (status === null) throw noOrder()
  return status
}

/**
 * Money, units, lines, parcels and the news of it: in one transaction, decided by the locked rows.
 */
async function cancel(
  tx: DatabaseTransactionConnection,
  orderId: string,
  buyerId: string,
): Promise<StockCommand[]> {
  const order = await lockOrder(tx, orderId)
  if (order?.buyerId !== buyerId || !order.placed) throw noOrder()
  const status = orderWord(order.state)
  if (status === 'cancelled' || status === 'refunded') return []
  // What is not paid was ended with its hold, above.
  if (status === 'awaiting_payment' || status === null) throw tooLate('being paid')
  checkMove('buyer', order.state, 'cancelled')
  const lines = await linesOf(tx, orderId, order)
  const still: readonly string[] = ['paid', 'processing', 'refunded']
  const moving = lines.some((line) => !still.includes(line.status))
  if (moving || (await anyShipped(tx, orderId))) throw tooLate('partly on its way')
  const reason = 'cancelled by the buyer'
  await cancelPaid(tx, status, { orderId, actorId: buyerId, reason })
  await cancelShipments(tx, orderId)
  const refund = await requestRefund(tx, orderId, 'cancelled')
  await appendAudit(tx, {
    actor: { id: buyerId, role: 'buyer' },
    action: 'order.cancelled',
    subject: `order:${orderId}`,
    details: { from: status, refund: refund?.amount ?? 0 },
  })
  await appendOutbox(tx, 'order.cancelled', orderId, { orderId, reason: 'by buyer' })
  return returnUnits(tx, orderId, reason)
}

const LineRow = z.object({ sku: z.string() })

/**
 * A unit whose `sell` is still on its way to the actor comes back all the same: the return
 * overtakes it.
 */
async function returnUnits(
  tx: DatabaseTransactionConnection,
  orderId: string,
  reason: string,
): Promise<StockCommand[]> {
  const lines = await tx.any(sql.type(LineRow)`
    select sku from order_lines where order_id = ${orderId} and stock in ('held', 'sold') order by sku`)
  const commands = lines.map(
    ({ sku }): StockCommand => ({
      id: newId(),
      kind: 'return',
      sku,
      checkoutId: orderId,
      units: null,
    }),
  )
  return writeCommands(tx, commands, reason)
}

function tooLate(what: string): AppError {
  return new AppError('invalid_transition', `An order that is ${what} cannot be cancelled.`)
}
