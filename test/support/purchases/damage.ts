/** Purchases damaged behind the shop's back, each in the one way that its name says. */
import type { CommonQueryMethods } from 'slonik'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'

const none = sql.typeAlias('none')

/** Adds to the total of an order, in minor units; its lines keep their prices. */
export const misstateTotal = (q: CommonQueryMethods, id: string, by: number) =>
  q.query(none`update orders set total = total + ${by} where id = ${id}`)

/** Adds to the price at which the lines of an order were sold, in minor units; its total stays. */
export const misstateLinePrice = (q: CommonQueryMethods, id: string, by: number) =>
  q.query(none`update order_lines set unit_price = unit_price + ${by} where order_id = ${id}`)

export const forgetLines = (q: CommonQueryMethods, id: string) =>
  q.query(none`delete from order_lines where order_id = ${id}`)

/** Forgets the row of an order; its lines stay. */
export const forgetOrder = (q: CommonQueryMethods, id: string) =>
  q.query(none`delete from orders where id = ${id}`)

/** Makes a reserved checkout one that never became an order. */
export const forgetNumber = (q: CommonQueryMethods, id: string) =>
  q.query(none`update orders set number = null where id = ${id}`)

/** Has a part of a reserved order asked for, as if its owner had never held it. */
export const unhold = (q: CommonQueryMethods, id: string) =>
  q.query(none`update order_lines set stock = 'asked' where order_id = ${id}`)

/** An order that waits for its payment and has no lines. */
export async function orderWithoutLines(q: CommonQueryMethods): Promise<string> {
  const id = newId()
  await q.query(none`
    insert into orders (id, number, buyer_id, state, total, currency)
    values (${id}, nextval('order_numbers'), ${newId()}, 'reserved', 1, 'EUR')`)
  return id
}

/** A line with a unit of a SKU that was released, and that belongs to no order. */
export async function lineWithoutOrder(q: CommonQueryMethods, sku: string): Promise<string> {
  const id = newId()
  await q.query(none`
    insert into order_lines (order_id, sku, quantity, unit_price, stock)
    values (${id}, ${sku}, 1, 1, 'released')`)
  return id
}

/** A reserved checkout whose deadline has passed so long ago, and which has no lines. */
export async function overdueWithNothing(q: CommonQueryMethods, seconds: number): Promise<string> {
  const id = newId()
  await q.query(none`
    insert into orders (id, number, buyer_id, state, expires_at)
    values (${id}, nextval('order_numbers'), ${newId()}, 'reserved', now() - make_interval(secs => ${seconds}))`)
  return id
}

/** Takes away the index that keeps a buyer to one checkout a key; resolves to its name. */
export async function dropKeyIndex(q: CommonQueryMethods): Promise<string> {
  await q.query(none`alter table orders drop constraint orders_buyer_key`)
  return 'orders_buyer_key'
}

/** A second, cancelled checkout of the same buyer under the key of the first. */
export const repeatKey = (q: CommonQueryMethods, id: string) =>
  q.query(none`
    insert into orders (id, buyer_id, idempotency_key, state, outcome)
    select ${newId()}, buyer_id, idempotency_key, 'cancelled', 'cancelled' from orders where id = ${id}`)

/** Cancels a paid order and takes its units back; its money stays where it is. */
export async function cancelWithoutRefund(q: CommonQueryMethods, id: string): Promise<void> {
  await q.query(none`update orders set state = 'cancelled' where id = ${id}`)
  await q.query(none`update order_lines set stock = 'returned' where order_id = ${id}`)
}

/** Has the units of a paid order held, as if it were not paid. */
export const unsell = (q: CommonQueryMethods, id: string) =>
  q.query(none`update order_lines set stock = 'held' where order_id = ${id}`)

/** Has so many units of each line of a paid order come back. */
export const returnUnits = (q: CommonQueryMethods, id: string, units: number) =>
  q.query(none`update order_lines set returned = ${units} where order_id = ${id}`)
