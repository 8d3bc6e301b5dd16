/**
 * Guarantee 5: what was captured has an order that is paid, or is on its way back; what is sold is paid for.
 * A payment that an expired hold is being reclaimed for is neither yet: its row says so. Nor is one whose money the
 * bank has, for a dispute: nobody can give it back before the bank decides.
 */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { orderWordOf } from '../orders/order-sql.ts'
import { bankHasMoney } from '../payments/concerns.ts'
import { sql } from '../platform/postgres/pool.ts'
import { breachesMax, type Findings } from './findings.ts'
import { snapshot } from './snapshot.ts'

const Flawed = z.object({ id: z.string(), sku: z.string().nullable(), flaw: z.string() })

const statuses = (...names: string[]) => sql.array(names, 'text')
const owned = statuses('paid', 'processing', 'shipped', 'delivered')

/** Adds to `money` (guarantee 5), and to `once` (guarantee 4) what was charged more than once. */
export async function checkMoney(
  pool: DatabasePool,
  money: Findings,
  once: Findings,
): Promise<void> {
  await snapshot(pool, async (tx) => {
    const { count } = await tx.one(sql.typeAlias('count')`select count(*) as count from payments`)
    money.checked(count)
    once.checked(count)
    for (const { id, sku, flaw } of await moneyFlaws(tx)) {
      money.breach(
        `checkout ${id} (${sku ?? 'no SKU'}) ${flaw}; repair: compare it with the provider, and refund or correct the order`,
      )
    }
    for (const { id, sku, flaw } of await stockFlaws(tx)) {
      money.breach(
        `checkout ${id} (${sku ?? 'no SKU'}) ${flaw}; repair: insert the command that is missing into stock_commands`,
      )
    }
    for (const { id, sku, flaw } of await returnFlaws(tx)) {
      money.breach(
        `checkout ${id} (${sku ?? 'no SKU'}) ${flaw}; repair: compare the returns of the line in stock_commands with its refunds, and correct the stock of the SKU by as many units`,
      )
    }
    for (const { id, sku, flaw } of await chargedTwice(tx)) {
      once.breach(
        `checkout ${id} (${sku ?? 'no SKU'}) ${flaw}; repair: refund all but one charge at the provider`,
      )
    }
  })
}

function moneyFlaws(tx: DatabaseTransactionConnection) {
  return tx.any(sql.type(Flawed)`
    with back as (
      select checkout_id, sum(amount) filter (where state = 'succeeded') as done,
          sum(amount) filter (where state in ('pending', 'succeeded')) as decided,
          sum(amount) filter (where state = 'failed' and again_at is not null) as planned
        from refunds group by checkout_id),
    facts as (
      select coalesce(p.checkout_id, o.id) as id, o.order_status, o.total, o.currency,
          p.checkout_id is not null as begun, p.status, p.captured, p.refunded, p.currency as paid_in,
          p.given_back, coalesce(b.done, 0) as done, coalesce(b.decided, 0) as decided, coalesce(b.planned, 0) as planned,
          p.reclaiming_since is not null as reclaiming,
          ${bankHasMoney(sql.fragment`p.checkout_id`)} as disputed
        from payments p
        full join (select o.*, ${orderWordOf('o')} as order_status from orders o where state = any(${owned})
            or id in (select checkout_id from payments)) o on o.id = p.checkout_id
        left join back b on b.checkout_id = p.checkout_id),
    flawed as (
      select id, case
          when order_status is null then 'has a payment and no order'
          when order_status = any(${owned}) and (not begun or status <> 'succeeded')
            then 'has an order that is ' || order_status || ' and no payment that succeeded'
          when order_status = any(${owned}) and (captured <> total or currency <> paid_in)
            then 'has an order of ' || total || ' ' || currency || ' and a payment of ' || captured || ' ' || paid_in
          when captured > 0 and order_status = 'awaiting_payment'
            then 'has paid ' || captured || ' and its order awaits payment'
          when order_status in ('cancelled', 'expired') and decided + planned < captured and not reclaiming
              and not disputed
            then 'has paid ' || captured || ' for an order that is ' || order_status || ', of which ' || decided || ' goes back'
          when order_status = 'refunded' and refunded < captured
            then 'is refunded, with ' || refunded || ' of ' || captured
          when refunded <> done then 'counts ' || refunded || ' as refunded, its refunds come to ' || done
          when decided > captured then 'gives back ' || decided || ' of ' || captured
          when given_back <> decided
            then 'counts ' || given_back || ' as given back, its refunds come to ' || decided
        end as flaw
        from facts)
    select id, (select min(sku) from order_lines l where l.order_id = flawed.id) as sku, flaw
      from flawed where flaw is not null order by id limit ${breachesMax}`)
}

/**
 * Units follow the money, by a command that is done or still open. Of an order that is paid for, a line is back when its
 * refunds have brought all of it back. Of one that was refunded and never cancelled, what no refund brought back stays
 * with its buyer: whoever refunds at the provider returns no units.
 */
function stockFlaws(tx: DatabaseTransactionConnection) {
  return tx.any(sql.type(Flawed)`
    with facts as (
      select l.order_id as id, l.sku, l.stock, ${orderWordOf('o')} as status,
          exists (select from stock_commands s where s.checkout_id = l.order_id and s.sku = l.sku
            and s.done_at is null) as moving,
          exists (select from payments p where p.checkout_id = l.order_id
            and p.reclaiming_since is not null) as reclaiming
        from order_lines l join orders o on o.id = l.order_id
       where o.number is not null and l.stock <> 'void' and ((l.stock = 'sold') <> (o.state = any(${owned})))
         and not (l.stock = 'returned' and l.returned = l.quantity and o.state = any(${owned}))
         and not (l.stock = 'sold' and o.state = 'refunded' and o.outcome = 'confirmed'
           and not exists (select from order_history h
             where h.order_id = o.id and h.sku is null and h.to_status = 'cancelled')))
    select id, sku, case when stock = 'sold'
        then 'has sold units and its order is ' || status
        else 'is ' || status || ' and its units are ' || stock end as flaw
      from facts where not moving and not reclaiming order by id limit ${breachesMax}`)
}

/** A unit comes back once: as many of a line as its refunds say, or all of it with its order. */
function returnFlaws(tx: DatabaseTransactionConnection) {
  return tx.any(sql.type(Flawed)`
    with back as (
      select r.checkout_id, l.sku, sum(l.back) as back,
          sum(l.units) filter (where r.state <> 'failed') as refunded
        from refund_lines l join refunds r on r.id = l.refund_id group by r.checkout_id, l.sku),
    facts as (
      select n.order_id as id, n.sku, n.quantity, n.returned, n.stock, coalesce(b.back, 0) as back,
          coalesce(b.refunded, 0) as refunded, o.state = any(${owned}) as owned,
          exists (select from stock_commands s where s.checkout_id = n.order_id and s.sku = n.sku
            and s.done_at is null) as moving
        from order_lines n join orders o on o.id = n.order_id
        left join back b on b.checkout_id = n.order_id and b.sku = n.sku
       where n.returned > 0 or b.back > 0 or b.refunded > 0),
    flawed as (
      select id, sku, case
          when back > quantity then 'takes ' || back || ' of ' || quantity || ' units back'
          when refunded > quantity then 'gives the money of ' || refunded || ' units back, and sold ' || quantity
          when not moving and returned < back
            then 'has ' || returned || ' units back, its refunds say ' || back
          when owned and returned > back
            then 'has ' || returned || ' units back, its refunds say ' || back
        end as flaw
        from facts)
    select id, sku, flaw from flawed where flaw is not null order by id, sku limit ${breachesMax}`)
}

function chargedTwice(tx: DatabaseTransactionConnection) {
  return tx.any(sql.type(Flawed)`
    select a.checkout_id as id, (select min(sku) from order_lines l where l.order_id = a.checkout_id) as sku,
        'has ' || count(*) || ' attempts that succeeded' as flaw
      from payment_attempts a where a.state = 'succeeded'
     group by a.checkout_id having count(*) > 1 order by 1 limit ${breachesMax}`)
}
