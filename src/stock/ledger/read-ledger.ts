/** Reads ledger rows on the owner's own connection. PgLedger calls these. */
import type { PipelinedConnection, Row } from '../../platform/postgres/pipeline.ts'
import type { LedgerRow } from '../ports.ts'

const columns =
  'sku, on_hand, free, set_aside, held, sold, granted::text, generation::text, cursor::text, shadow'

/**
 * For owners and direct commands: the rows of `skus` that exist, in no order. Counts are units.
 * Rejects with the connection's errors.
 */
export async function loadLedger(
  connection: PipelinedConnection,
  skus: readonly string[],
): Promise<LedgerRow[]> {
  const rows = await connection.query({
    name: 'ledger-by-sku',
    text: `select ${columns} from ledger where sku = any($1::text[])`,
    values: [skus],
  })
  return rows.map(ledgerRow)
}

/**
 * For a rebuild: every row of a partition whose gate was built in `generation`. Counts are units.
 * Rejects with the connection's errors.
 */
export async function loadOpened(
  connection: PipelinedConnection,
  partition: number,
  generation: number,
): Promise<LedgerRow[]> {
  const rows = await connection.query({
    name: 'ledger-opened',
    text: `select ${columns} from ledger where partition = $1 and generation = $2 and generation > 0`,
    values: [partition, generation],
  })
  return rows.map(ledgerRow)
}

function ledgerRow(row: Row): LedgerRow {
  return {
    state: {
      sku: row.sku as string,
      onHand: row.on_hand as number,
      free: row.free as number,
      setAside: row.set_aside as number,
      held: row.held as number,
      sold: row.sold as number,
      granted: Number(row.granted),
      generation: Number(row.generation),
      cursor: Number(row.cursor),
    },
    shadow: new Map((row.shadow as [string, number][] | null) ?? []),
  }
}
