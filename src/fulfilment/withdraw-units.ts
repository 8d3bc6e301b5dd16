/** Units that go back to the stock before they were sent leave the parcels that they were planned for. */
import type { DatabaseTransactionConnection } from 'slonik'
import { sql } from '../platform/postgres/pool.ts'

/**
 * For refunds; the caller has locked the order. Takes up to so many units of each SKU out of the order's planned parcels,
 * the last ones first, and lays them back where they came from. A parcel that is left empty is cancelled. What was sent
 * stays as it is. Rejects with PostgreSQL's errors.
 */
export async function withdrawUnits(
  tx: DatabaseTransactionConnection,
  orderId: string,
  units: readonly { readonly sku: string; readonly units: number }[],
): Promise<void> {
  if (units.length === 0) return
  const rows = units.map((each) => [each.sku, each.units])
  // Rows are locked in one order by everybody who takes or gives, so that nobody waits in a circle.
  await tx.query(sql.typeAlias('none')`
    with planned as materialized (
      select s.id, s.location_id, sl.sku, sl.units, wanted.units
            - (sum(sl.units) over (partition by sl.sku order by s.id desc) - sl.units) as wanted
        from shipments s join shipment_lines sl on sl.shipment_id = s.id
        join ${sql.unnest(rows, ['text', 'int4'])} as wanted (sku, units) on wanted.sku = sl.sku
       where s.order_id = ${orderId} and s.status = 'planned'),
    taken as materialized (
      select id, location_id, sku, units, least(units, wanted)::int as part from planned where wanted > 0),
    emptied as (
      delete from shipment_lines l using taken t
       where l.shipment_id = t.id and l.sku = t.sku and t.part = t.units),
    lessened as (
      update shipment_lines l set units = l.units - t.part from taken t
       where l.shipment_id = t.id and l.sku = t.sku and t.part < t.units),
    back as (
      select location_id, sku, sum(part)::int as units from taken
       where location_id is not null group by location_id, sku),
    locked as (
      select ls.location_id, ls.sku, back.units from location_stock ls join back using (location_id, sku)
       order by ls.location_id, ls.sku for update of ls)
    update location_stock ls set units = ls.units + locked.units from locked
     where ls.location_id = locked.location_id and ls.sku = locked.sku`)
  await tx.query(sql.typeAlias('none')`
    update shipments s set status = 'cancelled'
     where s.order_id = ${orderId} and s.status = 'planned'
       and not exists (select from shipment_lines l where l.shipment_id = s.id)`)
}
