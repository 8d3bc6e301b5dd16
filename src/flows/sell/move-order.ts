/** Sellers move what is theirs: the lines of an order, and the parcels in which they go out. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { appendAudit } from '../../audit/audit-log.ts'
import { planShipments } from '../../fulfilment/plan-shipments.ts'
import { type ShipmentStep, shipmentMoves } from '../../fulfilment/shipment-state.ts'
import {
  findShipment,
  moveAllShipments,
  moveShipmentTo,
  skusAllAt,
} from '../../fulfilment/shipments.ts'
import { AppError } from '../../kernel/errors.ts'
import { moveLines } from '../../orders/move-lines.ts'
import {
  type LockedOrder,
  linesOf,
  lockOrder,
  type OrderLine,
} from '../../orders/order-repository.ts'
import { lineMoves, type SellerMove } from '../../orders/order-state.ts'
import { noOrder } from '../../orders/orders.ts'
import { shippingStop } from '../../payments/concerns.ts'
import { sql } from '../../platform/postgres/pool.ts'

/** What a seller sends to PATCH /api/orders/:id/status. */
export interface MoveOrder {
  readonly orderId: string
  readonly sellerId: string
  readonly to: SellerMove
}

/**
 * For PATCH /api/orders/:id/status: moves all lines that are this seller's; those that are there
 * already stay. @throws AppError not_found without such a line, invalid_transition when one of them
 * cannot make this move or a concern about the payment stops it (then none moves), overloaded when a
 * statement takes over 1 second; else PostgreSQL's errors.
 */
export async function moveOrder(
  pool: DatabasePool,
  { orderId, sellerId, to }: MoveOrder,
): Promise<void> {
  await pool.transaction(async (tx) => {
    await hurry(tx)
    const order = await lockOrder(tx, orderId)
    if (!order?.placed) throw noOrder()
    const lines = await linesOf(tx, orderId, order)
    const own = lines.filter((line) => line.sellerId === sellerId)
    if (own.length === 0) throw noOrder()
    // What was taken back stays where it is; if that is all of it, the table of moves says so.
    const kept = own.filter(({ status }) => status !== 'refunded')
    const moving = (kept.length > 0 ? kept : own).filter(({ status }) => status !== to)
    for (const { status } of moving) lineMoves.move(status, to)
    if (moving.length === 0) return
    if (to === 'shipped') await checkShippable(tx, orderId)
    if (to !== 'processing') {
      // The job that plans parcels may not have come to it yet.
      await planShipments(tx, [orderId])
      await moveAllShipments(tx, orderId, sellerId, to)
    }
    const skus = new Set(moving.map(({ sku }) => sku))
    await moveLines(tx, lines, skus, to, { orderId, actorId: sellerId, reason: '' })
    await note(tx, sellerId, 'order.moved', { orderId, to, skus: [...skus] })
  })
}

/** What a seller sends to PATCH /api/shipments/:id; `tracking` is the carrier's number. */
export interface MoveShipment {
  readonly shipmentId: string
  readonly sellerId: string
  readonly to: ShipmentStep
  readonly tracking: string | null
}

/**
 * For PATCH /api/shipments/:id: moves one parcel; a line follows when all its units have come as
 * far. Returns the order's id. @throws AppError not_found, invalid_transition when parcel or lines
 * cannot make this move or a concern about the payment stops it, overloaded when a statement takes over 1 second; else PostgreSQL's errors.
 */
export async function moveShipment(pool: DatabasePool, request: MoveShipment): Promise<string> {
  const { shipmentId, sellerId, to, tracking } = request
  return pool.transaction(async (tx) => {
    await hurry(tx)
    const { orderId, order } = await lockOrderOf(tx, shipmentId, sellerId)
    const shipment = await findShipment(tx, shipmentId, sellerId)
    // Planned anew while its order was being locked.
    if (!shipment) throw noShipment()
    if (shipment.status === to) return orderId
    shipmentMoves.move(shipment.status, to)
    const lines = await linesOf(tx, orderId, order)
    if (to === 'shipped') {
      checkProcessed(lines, shipment.skus)
      await checkShippable(tx, orderId)
    }
    await moveShipmentTo(tx, shipmentId, to, tracking)
    const whole = await skusAllAt(tx, orderId, shipment.skus, to)
    const moving = lines.filter(({ sku, status }) => whole.has(sku) && status !== to)
    const skus = new Set(moving.map(({ sku }) => sku))
    await moveLines(tx, lines, skus, to, { orderId, actorId: sellerId, reason: 'by parcel' })
    await note(tx, sellerId, 'shipment.moved', { orderId, to, shipmentId, tracking })
    return orderId
  })
}

/**
 * The owners of the SKUs write the same lines, and everybody who buys from one waits for its owner:
 * a seller's statement has one second, its wait for a lock included. Whoever takes longer is asked
 * to try again.
 */
async function hurry(tx: DatabaseTransactionConnection): Promise<void> {
  await tx.query(sql.type(z.object({ set_config: z.string() }))`
    select set_config('statement_timeout', '1s', true)`)
}

function note(
  tx: DatabaseTransactionConnection,
  sellerId: string,
  action: string,
  { orderId, ...details }: { readonly orderId: string; readonly [detail: string]: unknown },
): Promise<void> {
  const actor = { id: sellerId, role: 'seller' }
  return appendAudit(tx, { actor, action, subject: `order:${orderId}`, details })
}

const OrderIdRow = z.object({ orderId: z.string() })

async function lockOrderOf(
  tx: DatabaseTransactionConnection,
  shipmentId: string,
  sellerId: string,
): Promise<{ readonly orderId: string; readonly order: LockedOrder }> {
  const orderId = await tx.maybeOneFirst(sql.type(OrderIdRow)`
    select order_id as "orderId" from shipments where id = ${shipmentId} and seller_id = ${sellerId}`)
  if (orderId === null) throw noShipment()
  const order = await lockOrder(tx, orderId)
  if (!order) throw noShipment()
  return { orderId, order }
}

/** A parcel goes out when what is in it is being processed. */
function checkProcessed(lines: readonly OrderLine[], skus: readonly string[]): void {
  for (const { sku, status } of lines) {
    if (skus.includes(sku)) lineMoves.move(status, 'shipped')
  }
}

const stops = {
  dispute:
    'The payment of this order is disputed. It can be shipped when the dispute is won or closed.',
  warning:
    'The bank warns that this payment may be fraud. The order can be shipped when an administrator has cleared the warning.',
  review:
    'The payment of this order is being reviewed. It can be shipped when the review is closed.',
}

/** Goods are not sent for money that is gone, or may be. */
async function checkShippable(tx: DatabaseTransactionConnection, orderId: string): Promise<void> {
  const stop = await shippingStop(tx, orderId)
  if (!stop) return
  const lost = stop.kind === 'dispute' && !stop.open
  throw new AppError(
    'invalid_transition',
    lost
      ? 'The dispute of this payment is lost: the bank has given the money back, so the order is not shipped.'
      : stops[stop.kind],
  )
}

function noShipment(): AppError {
  return new AppError('not_found', 'There is no such shipment.')
}
