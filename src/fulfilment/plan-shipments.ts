/** Splits paid orders into shipments by seller and location. */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { newId } from '../kernel/ids.ts'
import { sql } from '../platform/postgres/pool.ts'
import { type Location, type Need, type Place, planParcels } from './plan-parcels.ts'

const LineRow = z.object({
  orderId: z.string(),
  sellerId: z.string(),
  sku: z.string(),
  units: z.number(),
  latitude: z.number().nullable(),
  longitude: z.number().nullable(),
})
type LineRow = z.infer<typeof LineRow>

/**
 * Plans what of these orders is paid and in no shipment yet; planning an order twice changes nothing. The
 * number of statements does not depend on the number of orders. Locks the orders' rows.
 */
export async function planShipments(
  tx: DatabaseTransactionConnection,
  orderIds: readonly string[],
): Promise<void> {
  const ids = sql.array([...new Set(orderIds)], 'uuid')
  await tx.query(sql.typeAlias('none')`
    select from orders where id = any(${ids}) order by id for update`)
  await tx.query(sql.typeAlias('none')`
    insert into order_sellers (seller_id, order_id)
    select distinct seller_id, order_id from ${linesOf(ids)} where seller_id is not null
    on conflict do nothing`)
  const lines = await tx.any(sql.type(LineRow)`
    select l.order_id as "orderId", l.seller_id as "sellerId", l.sku,
        (l.quantity - coming.units - coalesce(sent.units, 0))::int as units, d.latitude, d.longitude
      from ${linesOf(ids)}
      left join order_destinations d on d.order_id = l.order_id
      cross join lateral (
        -- Back with their seller, or on their way there by a command that its owner has not carried out.
        select l.returned + coalesce(sum(c.units), 0) as units from stock_commands c
         where c.checkout_id = l.order_id and c.sku = l.sku and c.kind = 'return' and c.done_at is null) coming
      left join lateral (
        select sum(sl.units) as units
          from (select * from shipments where order_id = l.order_id offset 0) s
         cross join lateral (
           select units from shipment_lines where shipment_id = s.id and sku = l.sku offset 0) sl
         where s.status <> 'cancelled') sent on true
     where l.seller_id is not null and l.state in ('paid', 'processing')
       and coalesce(l.progress, 'paid') in ('paid', 'processing')
       and l.quantity > coming.units + coalesce(sent.units, 0)
     order by l.order_id, l.seller_id, l.sku`)
  if (lines.length === 0) return
  const locations = await lockLocations(tx, lines)
  const planned = plan(lines, locations)
  await takeStock(tx, planned)
  await insertShipments(tx, planned)
}

/** The lines of these orders, with the order's state, as `l`: fetched by key, whatever the planner believes of so many. */
function linesOf(ids: ReturnType<typeof sql.array>) {
  return sql.fragment`unnest(${ids}) as mine (id)
    cross join lateral (
      select n.*, o.state from order_lines n join orders o on o.id = n.order_id where n.order_id = mine.id offset 0) as l`
}

interface SellerLocation extends Location {
  readonly sellerId: string
  /** As in {@link Location}, counted down while orders are planned. */
  readonly stock: Map<string, number>
}

const LocationRow = z.object({
  id: z.string(),
  sellerId: z.string(),
  latitude: z.number().nullable(),
  longitude: z.number().nullable(),
  priority: z.number(),
  sku: z.string(),
  units: z.number(),
})

/**
 * What the locations of these lines' sellers have, locked so that no unit is promised twice, and no location
 * goes offline before the plan is there to be changed.
 */
async function lockLocations(
  tx: DatabaseTransactionConnection,
  lines: readonly LineRow[],
): Promise<readonly SellerLocation[]> {
  const sellers = [...new Set(lines.map(({ sellerId }) => sellerId))]
  const skus = [...new Set(lines.map(({ sku }) => sku))]
  const rows = await tx.any(sql.type(LocationRow)`
    select l.id, l.seller_id as "sellerId", l.latitude, l.longitude, l.priority, s.sku, s.units
      from stock_locations l join location_stock s on s.location_id = l.id
     where l.seller_id = any(${sql.array(sellers, 'uuid')}) and l.online
       and s.sku = any(${sql.array(skus, 'text')})
     order by s.location_id, s.sku for share of l for update of s`)
  return [...Map.groupBy(rows, ({ id }) => id).values()].map((stock) => {
    const [{ id, sellerId, latitude, longitude, priority }] = stock as [(typeof rows)[number]]
    return {
      id,
      sellerId,
      place: placeOf({ latitude, longitude }),
      priority,
      stock: new Map(stock.map(({ sku, units }) => [sku, units])),
    }
  })
}

interface PlannedLine extends Need {
  readonly shipmentId: string
  readonly orderId: string
  readonly sellerId: string
  readonly locationId: string | null
}

function plan(lines: readonly LineRow[], locations: readonly SellerLocation[]): PlannedLine[] {
  const groups = Map.groupBy(lines, ({ orderId, sellerId }) => `${orderId} ${sellerId}`)
  return [...groups.values()].flatMap((group) => {
    const [{ orderId, sellerId, ...destination }] = group as [LineRow]
    const own = locations.filter((location) => location.sellerId === sellerId)
    return planParcels(group, own, placeOf(destination)).flatMap((parcel) => {
      const { locationId } = parcel
      const from = own.find(({ id }) => id === locationId)
      const shipmentId = newId()
      return parcel.lines.map(({ sku, units }) => {
        from?.stock.set(sku, (from.stock.get(sku) ?? 0) - units)
        return { shipmentId, orderId, sellerId, locationId, sku, units }
      })
    })
  })
}

async function takeStock(
  tx: DatabaseTransactionConnection,
  planned: readonly PlannedLine[],
): Promise<void> {
  const rows = planned.flatMap(({ locationId, sku, units }) =>
    locationId === null ? [] : [[locationId, sku, units]],
  )
  if (rows.length === 0) return
  await tx.query(sql.typeAlias('none')`
    update location_stock s set units = s.units - taken.units
      from (select location_id, sku, sum(units)::int as units
              from ${sql.unnest(rows, ['uuid', 'text', 'int4'])} as row (location_id, sku, units)
             group by location_id, sku) as taken
     where s.location_id = taken.location_id and s.sku = taken.sku`)
}

async function insertShipments(
  tx: DatabaseTransactionConnection,
  planned: readonly PlannedLine[],
): Promise<void> {
  const shipments = new Map(planned.map((line) => [line.shipmentId, line]))
  const rows = [...shipments.values()].map(({ shipmentId, orderId, sellerId, locationId }) => [
    shipmentId,
    orderId,
    sellerId,
    locationId,
  ])
  await tx.query(sql.typeAlias('none')`
    insert into shipments (id, order_id, seller_id, location_id)
    select * from ${sql.unnest(rows, ['uuid', 'uuid', 'uuid', 'uuid'])}`)
  const lines = planned.map(({ shipmentId, sku, units }) => [shipmentId, sku, units])
  await tx.query(sql.typeAlias('none')`
    insert into shipment_lines (shipment_id, sku, units)
    select * from ${sql.unnest(lines, ['uuid', 'text', 'int4'])}`)
}

function placeOf(at: {
  readonly latitude: number | null
  readonly longitude: number | null
}): Place | null {
  const { latitude, longitude } = at
  return latitude === null || longitude === null ? null : { latitude, longitude }
}
