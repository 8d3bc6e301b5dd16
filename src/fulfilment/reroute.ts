/** Plans anew what has not been shipped, when a seller's locations have changed. */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { appendOutbox } from '../platform/outbox.ts'
import { sql } from '../platform/postgres/pool.ts'
import { planShipments } from './plan-shipments.ts'
import { giveBackStock } from './shipments.ts'

/** Orders of one event; the next page is an event of its own, so that no transaction is long. */
const perPage = 100

export const locationsTopic = 'locations.changed'

const Page = z.object({ orderId: z.string() })

/**
 * Takes the planned shipments of this seller that have no location, or one that is offline, apart and
 * plans them anew. Goes on after the order `after`.
 */
export async function rerouteShipments(
  tx: DatabaseTransactionConnection,
  { key, sellerId, after }: { key: string; sellerId: string; after: string | null },
): Promise<void> {
  // Locations before what lies there, as whoever changes one does.
  await tx.query(sql.typeAlias('none')`
    select from stock_locations where seller_id = ${sellerId} order by id for share`)
  const stranded = sql.fragment`s.seller_id = ${sellerId} and s.status = 'planned'
    and (s.location_id is null or exists (
      select from stock_locations l where l.id = s.location_id and not l.online))`
  const page = await tx.any(sql.type(Page)`
    select distinct s.order_id as "orderId" from shipments s
     where ${stranded} and ${after === null ? sql.fragment`true` : sql.fragment`s.order_id > ${after}::uuid`}
     order by s.order_id limit ${perPage}`)
  const ids = page.map(({ orderId }) => orderId)
  if (ids.length === 0) return
  const orderIds = sql.array(ids, 'uuid')
  await tx.query(sql.typeAlias('none')`
    select from orders where id = any(${orderIds}) order by id for update`)
  const which = sql.fragment`${stranded} and s.order_id = any(${orderIds})`
  await giveBackStock(tx, which)
  await tx.query(sql.typeAlias('none')`delete from shipments s where ${which}`)
  await planShipments(tx, ids)
  const last = ids.at(-1)
  if (ids.length === perPage && last !== undefined) {
    await appendOutbox(tx, locationsTopic, `${key}:${last}`, { sellerId, after: last })
  }
}
