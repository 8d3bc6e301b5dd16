/** Who hears what about stock: sellers that a SKU is low, buyers that one is there again. */
import type { CommonQueryMethods, DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { appendOutboxRows, mailTopic } from '../platform/outbox.ts'
import { sql } from '../platform/postgres/pool.ts'

/** Free units at which a SKU is low where its seller has said nothing else. */
const lowStockUnits = 10
/** Mails of one run, of each kind; the next run goes on. */
const perRun = 1_000
/** Units that somebody was told of and nobody has bought are told to the next after so long. */
const claimHours = 24

const Alert = z.object({ sku: z.string(), createdAt: z.date() })

/** Notes that a buyer wants to hear when the SKU is there again; a second time it is the same alert. Null: no such SKU. */
export async function registerAlert(
  db: CommonQueryMethods,
  { sku, buyerId }: { readonly sku: string; readonly buyerId: string },
): Promise<{ readonly sku: string; readonly createdAt: string } | null> {
  const row = await db.maybeOne(sql.type(Alert)`
    insert into stock_alerts (sku, buyer_id)
    select v.sku, ${buyerId} from variants v where v.sku = ${sku} and v.archived_at is null
    on conflict (sku, buyer_id) where told_at is null do update set sku = excluded.sku
    returning sku, created_at as "createdAt"`)
  return row && { sku: row.sku, createdAt: row.createdAt.toISOString() }
}

/** Forgets what a buyer wanted to hear of. It reads all alerts: no index is worth so rare a question. */
export async function forgetAlerts(db: CommonQueryMethods, buyerId: string): Promise<void> {
  await db.query(sql.typeAlias('none')`delete from stock_alerts where buyer_id = ${buyerId}`)
}

/**
 * Compares the ledger with what was told, and notes the mails that are due: both in one transaction, so
 * that running it twice, also at once, tells nothing twice.
 */
export async function watchStock(pool: DatabasePool): Promise<void> {
  await pool.transaction(async (tx) => {
    // One worker at a time: another one that runs late would count the same free units.
    await tx.query(
      sql.typeAlias('none')`select from pg_advisory_xact_lock(hashtext('watch-stock'))`,
    )
    await tellSellers(tx)
    await tellBuyers(tx)
  })
}

const Crossed = z.object({
  sku: z.string(),
  crossing: z.number(),
  units: z.number(),
  seller_id: z.string(),
})

/**
 * A mail for each SKU that has fallen to its threshold. One that never had more has not fallen. The ledger is
 * read once from end to end, and only what has fallen is looked up elsewhere.
 */
async function tellSellers(tx: DatabaseTransactionConnection): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    delete from low_stock s using ledger l
      left join stock_thresholds t on t.sku = l.sku
     where l.sku = s.sku and l.free > coalesce(t.units, ${lowStockUnits})`)
  const crossed = await tx.any(sql.type(Crossed)`
    with fallen as materialized (
      select l.sku, l.free from ledger l left join stock_thresholds t on t.sku = l.sku
       where l.free <= coalesce(t.units, ${lowStockUnits}) and l.on_hand > coalesce(t.units, ${lowStockUnits})
         and not exists (select from low_stock s where s.sku = l.sku)),
    low as (
      select f.sku, f.free, p.seller_id
        from fallen f
        join variants v on v.sku = f.sku and v.archived_at is null
        join products p on p.id = v.product_id
       order by f.sku limit ${perRun}),
    crossed as (insert into low_stock (sku) select sku from low returning sku, crossing)
    select crossed.sku, crossed.crossing, low.free as units, low.seller_id from crossed join low using (sku)`)
  await appendOutboxRows(
    tx,
    crossed.map(({ sku, crossing, units, seller_id }) => ({
      topic: mailTopic,
      key: `low-stock:${sku}:${crossing}`,
      payload: { message: 'low-stock', sku, units, accountId: seller_id },
    })),
  )
}

const Told = z.object({ number: z.number(), sku: z.string(), buyer_id: z.string() })

/**
 * A mail for the oldest alerts, one for each free unit that nobody was told of yet. `stock_told` never
 * counts more units than are free: a unit that is bought and comes back is told to the next buyer.
 */
async function tellBuyers(tx: DatabaseTransactionConnection): Promise<void> {
  await tx.query(sql.typeAlias('none')`
    delete from stock_told t using ledger l
     where l.sku = t.sku and (l.free = 0 or t.told_at < now() - make_interval(hours => ${claimHours}))`)
  await tx.query(sql.typeAlias('none')`
    update stock_told t set units = l.free from ledger l where l.sku = t.sku and t.units > l.free`)
  const told = await tx.any(sql.type(Told)`
    with waiting as (
      select a.number, a.sku, l.free - coalesce(t.units, 0) as units,
          row_number() over (partition by a.sku order by a.number) as place
        from stock_alerts a
        join accounts b on b.id = a.buyer_id and b.erased_at is null
        join ledger l on l.sku = a.sku
        left join stock_told t on t.sku = a.sku
       where a.told_at is null and l.free > coalesce(t.units, 0)),
    next as (select number, sku from waiting where place <= units order by number limit ${perRun}),
    told as (
      update stock_alerts a set told_at = now() from next where a.number = next.number
      returning a.number, a.sku, a.buyer_id),
    counted as (
      insert into stock_told as t (sku, units) select sku, count(*)::int from next group by sku
      on conflict (sku) do update set units = t.units + excluded.units, told_at = now())
    select number, sku, buyer_id from told order by number`)
  await appendOutboxRows(
    tx,
    told.map(({ number, sku, buyer_id }) => ({
      topic: mailTopic,
      key: `back-in-stock:${number}`,
      payload: { message: 'back-in-stock', sku, accountId: buyer_id },
    })),
  )
}
