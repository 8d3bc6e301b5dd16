/**
 * Commands that wait to be applied, on the owner's own connection. PgLedger calls these. How many
 * are read stands in the text: as a parameter it would be planned for as a tenth of the table.
 */
import type { PipelinedConnection, Row } from '../../platform/postgres/pipeline.ts'
import type { CommandKind, StockCommand } from '../protocol/messages.ts'

/**
 * For the owner, which posts them again: up to `countMax` open commands of a partition that are a
 * second old, without those of the SKUs of `except`; the oldest first. Rejects with the
 * connection's errors.
 */
export async function readOpenCommands(
  connection: PipelinedConnection,
  partition: number,
  except: readonly string[],
  countMax: number,
): Promise<StockCommand[]> {
  const rows = await connection.query({
    name: `open-commands-${countMax}`,
    text: `select id, sku, kind, checkout_id, units from stock_commands
      where partition = $1 and done_at is null and created_at < now() - interval '1 second'
        and sku <> all($2::text[])
      order by created_at limit ${countMax}`,
    values: [partition, except],
  })
  return rows.map(commandOf)
}

/**
 * For direct commands: up to `countMax` open commands of all partitions, however young; the oldest
 * first. Rejects with the connection's errors.
 */
export async function readAllOpenCommands(
  connection: PipelinedConnection,
  countMax: number,
): Promise<StockCommand[]> {
  const rows = await connection.query({
    name: `all-open-commands-${countMax}`,
    text: `select id, sku, kind, checkout_id, units from stock_commands
      where done_at is null order by created_at limit ${countMax}`,
    values: [],
  })
  return rows.map(commandOf)
}

function commandOf(row: Row): StockCommand {
  return {
    id: row.id as string,
    sku: row.sku as string,
    kind: row.kind as CommandKind,
    checkoutId: row.checkout_id as string | null,
    units: row.units as number | null,
  }
}
