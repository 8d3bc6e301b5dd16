/** Purchases damaged behind the shop's back, each in the one way that its name says. */
import type { CommonQueryMethods } from 'slonik'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'

const none = sql.typeAlias('none')

/** Adds to the total of a checkout, in minor units; its order keeps its own. */
export const misstateTotal = (q: CommonQueryMethods, id: string, by: number) =>
  q.query(none`update checkouts set total = total + ${by} where id = ${id}`)

/** Adds to the price at which the lines of an order were sold, in minor units; its total stays. */
export const misstateLinePrice = (q: CommonQueryMethods, id: string, by: number) =>
  q.query(none`update order_lines set unit_price = unit_price + ${by} where order_id = ${id}`)

/** Adds to the price at which a checkout holds its units, in minor units; its total stays. */
export const misstateHoldPrice = (q: CommonQueryMethods, id: string, by: number) =>
  q.query(none`update holds set unit_price = unit_price + ${by} where checkout_id = ${id}`)

export const forgetLines = (q: CommonQueryMethods, id: string) =>
  q.query(none`delete from order_lines where order_id = ${id}`)

export const forgetOrder = (q: CommonQueryMethods, id: string) =>
  q.query(none`delete from orders where id = ${id}`)

/** An order that waits for its payment and that no checkout has led to. */
export async function orderWithoutCheckout(q: CommonQueryMethods): Promise<string> {
  const id = newId()
  await q.query(none`
    insert into orders (id, buyer_id, status, total, currency)
    values (${id}, ${newId()}, 'awaiting_payment', 1, 'EUR')`)
  return id
}

/** A hold on a unit of a SKU that was released, and that no checkout has led to. */
export async function holdWithoutCheckout(q: CommonQueryMethods, sku: string): Promise<string> {
  const id = newId()
  await q.query(none`
    insert into holds (checkout_id, sku, units, unit_price, buyer_id, state)
    values (${id}, ${sku}, 1, 1, ${newId()}, 'released')`)
  return id
}

/** A reserved checkout whose deadline has passed so long ago, and which has neither units nor an order. */
export async function overdueWithNothing(q: CommonQueryMethods, seconds: number): Promise<string> {
  const id = newId()
  await q.query(none`
    insert into checkouts (id, buyer_id, status, expires_at)
    values (${id}, ${newId()}, 'reserved', now() - make_interval(secs => ${seconds}))`)
  return id
}

/** Takes away the index that keeps a buyer to one checkout a key; resolves to its name. */
export async function dropKeyIndex(q: CommonQueryMethods): Promise<string> {
  await q.query(none`alter table checkouts drop constraint checkouts_buyer_key`)
  return 'checkouts_buyer_key'
}

/** A second, cancelled checkout of the same buyer under the key of the first. */
export const repeatKey = (q: CommonQueryMethods, id: string) =>
  q.query(none`
    insert into checkouts (id, buyer_id, idempotency_key, status)
    select ${newId()}, buyer_id, idempotency_key, 'cancelled' from checkouts where id = ${id}`)

/** Cancels a paid order and takes its units back; its money stays where it is. */
export async function cancelWithoutRefund(q: CommonQueryMethods, id: string): Promise<void> {
  await q.query(none`update orders set status = 'cancelled' where id = ${id}`)
  await q.query(none`update holds set state = 'returned' where checkout_id = ${id}`)
}

/** Has the units of a paid order held, as if it were not paid. */
export const unsell = (q: CommonQueryMethods, id: string) =>
  q.query(none`update holds set state = 'held' where checkout_id = ${id}`)
