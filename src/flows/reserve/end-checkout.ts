/**
 * Ends checkouts in PostgreSQL and writes the commands that give their units back, in one
 * transaction.
 */
import type { DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { newId } from '../../kernel/ids.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { StockCommand } from '../../stock/protocol/messages.ts'
import { partitionOf } from '../../stock/protocol/partition.ts'

const Part = z.object({ order_id: z.string(), sku: z.string() })

/**
 * For whoever ends checkouts: writes a release for each SKU of each, those held, and those of an
 * assembly that may still come to be held. A second one changes nothing. Returns the commands to
 * post after the commit; throws only PostgreSQL's errors.
 */
export async function releaseUnits(
  tx: DatabaseTransactionConnection,
  checkoutIds: readonly string[],
  reason: string,
): Promise<StockCommand[]> {
  if (checkoutIds.length === 0) return []
  const ids = sql.array([...checkoutIds], 'uuid')
  const parts = await tx.any(sql.type(Part)`
    select l.order_id, l.sku from unnest(${ids}) as ended (id)
     cross join lateral (select order_id, sku, stock from order_lines where order_id = ended.id offset 0) as l
     where l.stock in ('held', 'asked')`)
  return writeCommands(
    tx,
    parts.map(({ order_id, sku }) => ({
      kind: 'release',
      sku,
      id: newId(),
      checkoutId: order_id,
      units: null,
    })),
    reason,
  )
}

/**
 * For every flow that moves stock: writes commands in the transaction of their fact. A checkout has
 * one of a kind for each SKU, or several that are parts of a whole: each `part` once, from 0 to
 * 32,767. Returns those that were not written before, to post after the commit; throws only
 * PostgreSQL's errors.
 */
export async function writeCommands(
  tx: DatabaseTransactionConnection,
  commands: readonly StockCommand[],
  reason: string,
  part = 0,
): Promise<StockCommand[]> {
  if (commands.length === 0) return []
  const rows = commands.map(({ id, sku, kind, checkoutId, units }) => [
    id,
    partitionOf(sku),
    sku,
    kind,
    checkoutId,
    units,
    reason,
    part,
  ])
  const written = await tx.any(sql.typeAlias('id')`
    insert into stock_commands (id, partition, sku, kind, checkout_id, units, reason, part)
    select * from ${sql.unnest(rows, ['uuid', 'int2', 'text', 'text', 'uuid', 'int4', 'text', 'int2'])}
    on conflict do nothing
    returning id`)
  const fresh = new Set(written.map(({ id }) => id))
  return commands.filter(({ id }) => fresh.has(id))
}
