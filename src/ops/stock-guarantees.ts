/** Guarantees 1 and 7: the ledger's sums and the buyers' counts, each against the lines they are made of. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { breachesMax, Findings } from './findings.ts'
import { snapshot } from './snapshot.ts'

const Unbalanced = z.object({
  sku: z.string(),
  known: z.boolean(),
  on_hand: z.number(),
  free: z.number(),
  set_aside: z.number(),
  held: z.number(),
  sold: z.number(),
  held_by_holds: z.number(),
  sold_by_holds: z.number(),
})
type Unbalanced = z.infer<typeof Unbalanced>

/** Never oversold: each ledger row balances, and its sums are those of its holds. */
export async function checkOversold(pool: DatabasePool): Promise<Findings> {
  const findings = new Findings(1)
  await snapshot(pool, async (tx) => {
    const { count } = await tx.one(sql.typeAlias('count')`select count(*) as count from ledger`)
    findings.checked(count)
    const rows = await tx.any(sql.type(Unbalanced)`
      with kept as (
        select sku, coalesce(sum(quantity - returned) filter (where stock = 'held'), 0)::bigint as held,
            coalesce(sum(quantity - returned) filter (where stock = 'sold'), 0)::bigint as sold
          from order_lines where stock in ('held', 'sold') group by sku),
      compared as (
        select coalesce(l.sku, k.sku) as sku, l.sku is not null as known,
            coalesce(on_hand, 0)::bigint as on_hand, coalesce(free, 0)::bigint as free,
            coalesce(set_aside, 0)::bigint as set_aside, coalesce(l.held, 0)::bigint as held,
            coalesce(l.sold, 0)::bigint as sold, coalesce(k.held, 0) as held_by_holds,
            coalesce(k.sold, 0) as sold_by_holds
          from ledger l full join kept k on k.sku = l.sku)
      select * from compared
       where not known or held <> held_by_holds or sold <> sold_by_holds
          or sold_by_holds + held_by_holds > on_hand or sold + held > on_hand
          or on_hand <> free + set_aside + held + sold or least(free, set_aside, held, sold) < 0
       order by sku limit ${breachesMax}`)
    for (const row of rows) findings.breach(`${row.sku}: ${unbalanced(row)}`)
  })
  return findings
}

function unbalanced(row: Unbalanced): string {
  const { on_hand, free, set_aside, held, sold, held_by_holds, sold_by_holds } = row
  if (!row.known) {
    return `${held_by_holds + sold_by_holds} units are held or sold, but the ledger does not know the SKU; repair: give it a ledger row with the units that are on hand`
  }
  const over = Math.max(held + sold, held_by_holds + sold_by_holds) - on_hand
  if (over > 0) {
    return `oversold by ${over}: ${on_hand} on hand, ${held_by_holds} held and ${sold_by_holds} sold; repair: restock ${over}, or cancel as many`
  }
  if (held !== held_by_holds || sold !== sold_by_holds) {
    return `the ledger says ${held} held and ${sold} sold, its holds ${held_by_holds} and ${sold_by_holds}; repair: stop the workers, set the row to the sums of its holds and free to what is left of on_hand`
  }
  return `${on_hand} on hand is not ${free} free + ${set_aside} set aside + ${held} held + ${sold} sold; repair: stop the workers and set free to what is left of on_hand`
}

const Miscounted = z.object({
  pool: z.string(),
  buyer_id: z.string(),
  sku: z.string().nullable(),
  units: z.number(),
  unit_limit: z.number().nullable(),
  kept: z.number(),
})

/** Per-customer limits hold: no count is above its limit, and each is the sum of its holds. */
export async function checkLimits(pool: DatabasePool): Promise<Findings> {
  const findings = new Findings(7)
  await snapshot(pool, async (tx) => {
    const { count } = await tx.one(
      sql.typeAlias('count')`select count(*) as count from buyer_units`,
    )
    findings.checked(count)
    const rows = await tx.any(sql.type(Miscounted)`
      with kept as (
        select l.pool, o.buyer_id, min(l.sku) as sku, sum(l.quantity - l.returned)::bigint as units
          from order_lines l join orders o on o.id = l.order_id
         where l.pool is not null and l.stock in ('held', 'sold') group by l.pool, o.buyer_id),
      wrong as (
        select coalesce(b.pool, k.pool) as pool, coalesce(b.buyer_id, k.buyer_id) as buyer_id, k.sku,
            coalesce(b.units, 0)::bigint as units, b.unit_limit, coalesce(k.units, 0) as kept
          from buyer_units b full join kept k on k.pool = b.pool and k.buyer_id = b.buyer_id
         where b.units > b.unit_limit or coalesce(b.units, 0) <> coalesce(k.units, 0)
         limit ${breachesMax})
      select w.pool, w.buyer_id, coalesce(w.sku, s.sku) as sku, w.units, w.unit_limit, w.kept
        from wrong w left join sales s on s.id::text = w.pool
       order by w.pool, w.buyer_id`)
    for (const { pool: limit, buyer_id, sku, units, unit_limit, kept } of rows) {
      const who = `${sku ?? 'no SKU'}: buyer ${buyer_id} in pool ${limit}`
      const most = Math.max(units, kept)
      findings.breach(
        unit_limit !== null && most > unit_limit
          ? `${who} has ${most} units, the limit is ${unit_limit}; repair: cancel ${most - unit_limit}`
          : `${who} is counted with ${units} units, the holds say ${kept}; repair: set buyer_units to ${kept}, then ${rebuildHint}`,
      )
    }
  })
  return findings
}

const rebuildHint = 'set run_id of its partition to null: the owner builds its gates anew'
