/** Whether holds, limits, orders and the ledger say the same of what was bought. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../../../src/platform/postgres/pool.ts'

const Units = z.object({ held: z.number(), sold: z.number() })

/** Units of a SKU that checkouts hold, and that were sold, added up checkout by checkout. */
export const unitsOf = (q: CommonQueryMethods, sku: string) =>
  q.one(sql.type(Units)`
    select coalesce(sum(units) filter (where state = 'held'), 0)::int as held,
      coalesce(sum(units) filter (where state = 'sold'), 0)::int as sold from holds where sku = ${sku}`)

/** Buyers whose count differs from the units that they hold or have bought, or is above its limit. */
export const miscountedBuyers = (q: CommonQueryMethods) =>
  q.anyFirst(sql.type(z.object({ buyer: z.string() }))`
    select buyer_id::text as buyer from (
      select pool, buyer_id, sum(units) as units from holds
       where pool is not null and state in ('held', 'sold') group by 1, 2) h
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
    select c.idempotency_key as key, c.id, c.buyer_id as "buyerId", sum(h.units)::int as units
      from checkouts c join holds h on h.checkout_id = c.id
     where c.status = 'reserved' and h.state = 'held' group by c.id`)

const StatusRow = z.object({ status: z.string(), reason: z.string().nullable(), count: z.number() })

/** How many checkouts are anything but reserved, by status and reason. */
export const notReserved = (q: CommonQueryMethods) =>
  q.any(sql.type(StatusRow)`
    select status, reason, count(*)::int as count from checkouts where status <> 'reserved' group by 1, 2`)

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
        (select sum(units) from holds h where h.sku = l.sku and state = 'held') as kept
      from ledger l where l.held <> (select coalesce(sum(units), 0) from holds h where h.sku = l.sku and state = 'held')
    union all
    select b.buyer_id::text, b.units, h.units from buyer_units b
      full join (select pool, buyer_id, sum(units) as units from holds where state = 'held' group by 1, 2) h
        using (pool, buyer_id)
     where b.units is distinct from h.units or b.units > ${limit}
    union all
    select c.id::text, 1, 0 from checkouts c left join orders o on o.id = c.id
      left join order_lines n on n.order_id = c.id
     where o.status is distinct from 'awaiting_payment' or n.quantity is null or o.total <> n.quantity * ${price}`)

const SoldRow = z.object({ id: z.string(), price: z.number(), agree: z.boolean() })

/**
 * Every order of one line, with its price in minor units, and whether its total, its hold and the catalogue
 * agree with its line: on the price, and on what is sold, by whom and under which title.
 */
export const soldTerms = (q: CommonQueryMethods) =>
  q.any(sql.type(SoldRow)`
    select l.order_id as id, l.unit_price as price, o.total = l.unit_price * l.quantity
        and h.unit_price = l.unit_price and h.title = l.title and h.seller_id = l.seller_id and h.sku = l.sku
        and v.product_id = p.id and p.title = l.title as agree
      from order_lines l join orders o on o.id = l.order_id
      join holds h on h.checkout_id = l.order_id and h.sku = l.sku
      join variants v on v.sku = l.sku join products p on p.id = v.product_id`)
