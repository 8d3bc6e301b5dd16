/** What a mail about an order tells. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../../platform/postgres/pool.ts'

const Line = z.object({ title: z.string(), quantity: z.number(), unitPrice: z.number() })
const OrderFacts = z.object({
  id: z.string(),
  number: z.number(),
  total: z.number(),
  currency: z.string(),
  email: z.string().nullable(),
  name: z.string().nullable(),
  lines: z.array(Line),
})

export type OrderFacts = z.infer<typeof OrderFacts>

/** The orders with these ids and their buyers, by order id; email and name are null for an account that is gone. */
export async function readOrderFacts(
  pool: CommonQueryMethods,
  orderIds: readonly string[],
): Promise<ReadonlyMap<string, OrderFacts>> {
  const rows = await pool.any(sql.type(OrderFacts)`
    select o.id, o.number, o.total, o.currency, a.email, a.name,
        coalesce((
          select jsonb_agg(jsonb_build_object('title', coalesce(nullif(l.title, ''), l.sku),
              'quantity', l.quantity, 'unitPrice', l.unit_price) order by l.sku)
            from order_lines l where l.order_id = o.id), '[]') as lines
      from orders o left join accounts a on a.id = o.buyer_id and a.erased_at is null
     where o.id = any(${sql.array([...orderIds], 'uuid')}) and o.number is not null`)
  return new Map(rows.map((row) => [row.id, row]))
}
