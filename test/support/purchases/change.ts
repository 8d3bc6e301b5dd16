/** What time, an operator or a crash does to a checkout, done to it directly. */
import type { CommonQueryMethods } from 'slonik'
import { sql } from '../../../src/platform/postgres/pool.ts'

const none = sql.typeAlias('none')

/** Moves the deadline of a checkout to so many seconds from now; below zero: into the past. */
export const moveDeadline = (q: CommonQueryMethods, id: string, seconds: number) =>
  q.query(none`
    update orders set expires_at = now() + make_interval(secs => ${seconds}) where id = ${id}`)

/** Lets the deadline of one checkout, or of all, have passed a second ago. */
export const expireNow = (q: CommonQueryMethods, id?: string) =>
  q.query(none`
    update orders set expires_at = now() - interval '1 second'
     where ${id ?? null}::uuid is null or id = ${id ?? null}`)

/** Ends a checkout and nothing else: its units stay held. */
export const endCheckout = (q: CommonQueryMethods, id: string, status: 'expired' | 'cancelled') =>
  q.query(none`update orders set state = ${status}, outcome = ${status} where id = ${id}`)

/** Lets the leases of all attempts be over: whoever drove them is gone. */
export const endLeases = (q: CommonQueryMethods, secondsAgo = 1) =>
  q.query(none`
    update payment_attempts set leased_until = now() - make_interval(secs => ${secondsAgo})`)

/** Lets the buyer of a checkout use its idempotency key for another one. */
export const freeKey = (q: CommonQueryMethods, id: string) =>
  q.query(none`update orders set idempotency_key = null where id = ${id}`)

/** Locks the row that every race about a checkout is decided by; its id is the parameter. */
export const lockingCheckout = 'select from orders where id = $1 for update'

/** Makes somebody the seller of every line of an order. */
export const giveSeller = (q: CommonQueryMethods, id: string, sellerId: string) =>
  q.query(none`update order_lines set seller_id = ${sellerId} where order_id = ${id}`)

/** Lets every order be sold in another currency, for so many times the minor units. */
export async function sellFor(
  q: CommonQueryMethods,
  currency: string,
  times: number,
): Promise<void> {
  await q.query(none`update order_lines set unit_price = unit_price * ${times}::int`)
  await q.query(none`update orders set currency = ${currency}, total = total * ${times}::int`)
}

/** Leaves an order in a state, with how its checkout ended; its units and its money stay as they are. */
export const leaveOrder = (
  q: CommonQueryMethods,
  id: string,
  { state, outcome }: { readonly state: string; readonly outcome: string },
) => q.query(none`update orders set state = ${state}, outcome = ${outcome} where id = ${id}`)
