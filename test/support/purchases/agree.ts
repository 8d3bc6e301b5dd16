/** Whether holds, limits, orders and the ledger say the same of what was bought. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../../../src/platform/postgres/pool.ts'

const Units = z.object({ held: z.number(), sold: z.number() })

/** Units of a SKU that checkouts hold, and that were sold, added up checkout by checkout. */
export const unitsOf = (q: CommonQueryMethods, sku: string) =>
  q.one(sql.type(Units)`
    select coalesce(sum(quantity - returned) filter (where stock = 'held'), 0)::int as held,
      coalesce(sum(quantity - returned) filter (where stock = 'sold'), 0)::int as sold from order_lines where sku = ${sku}`)

/** Buyers whose count differs from the units that they hold or have bought, or is above its limit. */
export const miscountedBuyers = (q: CommonQueryMethods) =>
  q.anyFirst(sql.type(z.object({ buyer: z.string() }))`
    select buyer_id::text as buyer from (
      select l.pool, o.buyer_id, sum(l.quantity - l.returned) as units from order_lines l join orders o on o.id = l.order_id
       where l.pool is not null and l.stock in ('held', 'sold') group by 1, 2) h
    full join buyer_units b using (pool, buyer_id)
    where coalesce(h.units, 0) <> coalesce(b.units, 0) or b.units > b.unit_limit`)

const ReservedRow = z.object({
  key: z.string(),
  id: z.string(),
  buyerId: z.string(),
  units: z.number(),
})

/** Every reserved checkout whose units are held, with its idempotency key. */
export const reservedCheckouts = (q: CommonQueryMethods) =>
  q.any(sql.type(ReservedRow)`
    select o.idempotency_key as key, o.id, o.buyer_id as "buyerId", sum(l.quantity)::int as units
      from orders o join order_lines l on l.order_id = o.id
     where o.state = 'reserved' and l.stock = 'held' group by o.id`)

const StatusRow = z.object({ status: z.string(), reason: z.string().nullable(), count: z.number() })

/** How many checkouts are anything but reserved, by status and reason. */
export const notReserved = (q: CommonQueryMethods) =>
  q.any(sql.type(StatusRow)`
    select coalesce(o.outcome, o.state) as status, reason, count(*)::int as count
      from orders o where state <> 'reserved' group by 1, 2`)

const DisagreementRow = z.object({
  about: z.string(),
  told: z.number().nullable(),
  kept: z.number().nullable(),
})

/**
 * SKUs, buyers and checkouts of a sale without payments on which the records disagree: the ledger with the
 * holds, a buyer's count with them or with `limit`, an order of one line with its line, at `price` a unit.
 */
export const disagreements = (
  q: CommonQueryMethods,
  { limit, price }: { readonly limit: number; readonly price: number },
) =>
  q.any(sql.type(DisagreementRow)`
    select l.sku as about, l.held as told,
        (select sum(quantity) from order_lines n where n.sku = l.sku and stock = 'held') as kept
      from ledger l
     where l.held <> (select coalesce(sum(quantity), 0) from order_lines n where n.sku = l.sku and stock = 'held')
    union all
    select b.buyer_id::text, b.units, h.units from buyer_units b
      full join (
        select n.pool, o.buyer_id, sum(n.quantity) as units from order_lines n join orders o on o.id = n.order_id
         where n.stock = 'held' group by 1, 2) h using (pool, buyer_id)
     where b.units is distinct from h.units or b.units > ${limit}
    union all
    select o.id::text, 1, 0 from orders o left join order_lines n on n.order_id = o.id
     where o.state not in ('reserved', 'paying') or o.number is null or n.quantity is null or o.total <> n.quantity * ${price}`)

const SoldRow = z.object({ id: z.string(), price: z.number(), agree: z.boolean() })

/**
 * Every order of one line, with its price in minor units, and whether its total and the catalogue
 * agree with its line: on the price, and on what is sold, by whom and under which title.
 */
export const soldTerms = (q: CommonQueryMethods) =>
  q.any(sql.type(SoldRow)`
    select l.order_id as id, l.unit_price as price, o.total = l.unit_price * l.quantity
        and l.seller_id = p.seller_id and p.title = l.title as agree
      from order_lines l join orders o on o.id = l.order_id
      join variants v on v.sku = l.sku join products p on p.id = v.product_id`)
