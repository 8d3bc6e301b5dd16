import type { CommonQueryMethods } from 'slonik'
import { sql } from '../../platform/postgres/pool.ts'
import { partitionOf } from '../protocol/partition.ts'

/** A SKU that begins to have stock; selling makes it with a product. */
export interface NewStock {
  readonly sku: string
  /** Units on hand, all of them free. */
  readonly units: number
}

/**
 * For the transaction that makes a product: writes the ledger rows of new SKUs, with their units;
 * those that exist stay as they are. Rejects with PostgreSQL's errors.
 */
export async function openLedger(
  db: CommonQueryMethods,
  stock: readonly NewStock[],
): Promise<void> {
  if (stock.length === 0) return
  const rows = stock.map(({ sku, units }) => [sku, partitionOf(sku), units, units])
  await db.query(sql.typeAlias('none')`
    insert into ledger (sku, partition, on_hand, free)
    select * from ${sql.unnest(rows, ['text', 'int2', 'int4', 'int4'])}
    on conflict (sku) do nothing`)
}
