import type { CommonQueryMethods } from 'slonik'
import { sql } from '../platform/postgres/pool.ts'
import type { Place } from './plan-parcels.ts'

/** Notes where an order goes; what was noted first stays. */
export async function noteDestination(
  db: CommonQueryMethods,
  orderId: string,
  { latitude, longitude }: Place,
): Promise<void> {
  await db.query(sql.typeAlias('none')`
    insert into order_destinations (order_id, latitude, longitude)
    values (${orderId}, ${latitude}, ${longitude}) on conflict do nothing`)
}
