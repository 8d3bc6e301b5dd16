/** Shipments after they were planned. The caller has locked the order's row. */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { type ShipmentStatus, type ShipmentStep, shipmentMoves } from './shipment-state.ts'

const ShipmentRow = z.object({
  orderId: z.string(),
  status: z.enum(shipmentMoves.states),
  skus: z.array(z.string()),
})
export type Shipment = z.infer<typeof ShipmentRow>

/** A shipment of this seller's, or null. */
export function findShipment(
  tx: DatabaseTransactionConnection,
  shipmentId: string,
  sellerId: string,
): Promise<Shipment | null> {
  return tx.maybeOne(sql.type(ShipmentRow)`
    select s.order_id as "orderId", s.status,
        (select jsonb_agg(sku order by sku) from shipment_lines where shipment_id = s.id) as skus
      from shipments s where s.id = ${shipmentId} and s.seller_id = ${sellerId}`)
}

const before: Readonly<Record<ShipmentStep, ShipmentStatus>> = {
  shipped: 'planned',
  delivered: 'shipped',
}

/** Moves one shipment on; the caller has asked the table of moves. */
export async function moveShipmentTo(
  tx: DatabaseTransactionConnection,
  shipmentId: string,
  to: ShipmentStep,
  tracking: string | null,
): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    update shipments set status = ${to}, ${stamp(to)}, tracking = coalesce(${tracking}, tracking)
     where id = ${shipmentId} and status = ${before[to]}`)
}

/** Moves all shipments of a seller in an order on that are not yet there. */
export async function moveAllShipments(
  tx: DatabaseTransactionConnection,
  orderId: string,
  sellerId: string,
  to: ShipmentStep,
): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    update shipments set status = ${to}, ${stamp(to)}
     where order_id = ${orderId} and seller_id = ${sellerId} and status = ${before[to]}`)
}

function stamp(to: ShipmentStep) {
  return to === 'shipped' ? sql.fragment`shipped_at = now()` : sql.fragment`delivered_at = now()`
}

const SkuRow = z.object({ sku: z.string() })

/** Those of `skus` of which every unit of the order has come as far as `to`, or farther. */
export async function skusAllAt(
  tx: DatabaseTransactionConnection,
  orderId: string,
  skus: readonly string[],
  to: ShipmentStep,
): Promise<ReadonlySet<string>> {
  const far = to === 'shipped' ? ['shipped', 'delivered'] : ['delivered']
  const rows = await tx.any(sql.type(SkuRow)`
    select l.sku from order_lines l
      join shipments s on s.order_id = l.order_id and s.status = any(${sql.array(far, 'text')})
      join shipment_lines sl on sl.shipment_id = s.id and sl.sku = l.sku
     where l.order_id = ${orderId} and l.sku = any(${sql.array([...skus], 'text')})
     group by l.sku, l.quantity, l.returned having sum(sl.units) >= l.quantity - l.returned`)
  return new Set(rows.map(({ sku }) => sku))
}

/** Whether any parcel of the order is on its way. */
export function anyShipped(tx: DatabaseTransactionConnection, orderId: string): Promise<boolean> {
  return tx.exists(sql.typeAlias('none')`
    select from shipments where order_id = ${orderId} and status in ('shipped', 'delivered')`)
}

/** Cancels what is planned of an order; its units lie at their locations for others again. */
export async function cancelShipments(
  tx: DatabaseTransactionConnection,
  orderId: string,
): Promise<void> {
  await giveBackStock(tx, sql.fragment`s.order_id = ${orderId} and s.status = 'planned'`)
  await tx.query(sql.typeAlias('none')`
    update shipments set status = 'cancelled' where order_id = ${orderId} and status = 'planned'`)
}

/** Gives the units of some planned shipments `s` back to their locations. */
export async function giveBackStock(
  tx: DatabaseTransactionConnection,
  which: ReturnType<typeof sql.fragment>,
): Promise<void> {
  // Rows are locked in one order by everybody who takes or gives, so that nobody waits in a circle.
  await tx.query(sql.typeAlias('none')`
    with back as (
      select s.location_id, sl.sku, sum(sl.units)::int as units
        from shipments s join shipment_lines sl on sl.shipment_id = s.id
       where ${which} and s.location_id is not null
       group by s.location_id, sl.sku),
    locked as (
      select ls.location_id, ls.sku, back.units from location_stock ls
        join back using (location_id, sku)
       order by ls.location_id, ls.sku for update of ls)
    update location_stock ls set units = ls.units + locked.units from locked
     where ls.location_id = locked.location_id and ls.sku = locked.sku`)
}
