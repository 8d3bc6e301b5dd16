import type { CommonQueryMethods } from 'slonik'
import { sql } from '../platform/postgres/pool.ts'
import type { Place } from './plan-parcels.ts'

/** Notes where an order goes; what was noted first stays, and of a buyer who has erased their account nothing is noted. */
export async function noteDestination(
  db: CommonQueryMethods,
  orderId: string,
  { latitude, longitude }: Place,
): Promise<void> {
  await db.query(sql.typeAlias('none')`
    insert into order_destinations (order_id, latitude, longitude)
    select o.id, ${latitude}, ${longitude} from orders o
     where o.id = ${orderId}
       and not exists (select from accounts a where a.id = o.buyer_id and a.erased_at is not null)
    on conflict do nothing`)
}

/** Forgets where the orders of a buyer went. Those that are not planned yet come from any location. */
export async function forgetDestinations(db: CommonQueryMethods, buyerId: string): Promise<void> {
  await db.query(sql.typeAlias('none')`
    delete from order_destinations d using orders o where o.id = d.order_id and o.buyer_id = ${buyerId}`)
}
