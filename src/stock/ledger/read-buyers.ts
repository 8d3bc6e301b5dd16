/**
 * What a rebuilt gate has to know of its buyers, page by page, on the owner's own connection.
 * PgLedger calls these. The size of a page stands in the text: as a parameter it would be planned
 * for as a tenth of the table.
 */
import type { PipelinedConnection } from '../../platform/postgres/pipeline.ts'
import type { BuyerCount, RecentRequest } from '../ports.ts'
import { partitionDigits } from '../protocol/checkout-id.ts'

const lowestId = '00000000-0000-0000-0000-000000000000'

/**
 * For an owner that builds a gate: up to `countMax` buyers with units in a limit group, after the
 * id `after` ('' begins), by their ids. Empty: there are no more. Rejects with the connection's
 * errors.
 */
export async function readBuyers(
  connection: PipelinedConnection,
  pool: string,
  after: string,
  countMax: number,
): Promise<BuyerCount[]> {
  const rows = await connection.query({
    name: `buyers-of-pool-${countMax}`,
    text: `select buyer_id, units from buyer_units where pool = $1 and buyer_id > $2 and units > 0
        order by buyer_id limit ${countMax}`,
    values: [pool, after === '' ? lowestId : after],
  })
  return rows.map((row) => ({ buyerId: row.buyer_id as string, units: row.units as number }))
}

/**
 * For a rebuild: up to `countMax` checkouts of a partition after the id `after`, by their ids, each
 * with its holds (a row for each). Empty: there are no more. Rejects with the connection's errors.
 */
export async function readRequests(
  connection: PipelinedConnection,
  partition: number,
  after: string,
  countMax: number,
): Promise<RecentRequest[]> {
  const rows = await connection.query({
    name: `recent-requests-${countMax}`,
    // The id of a checkout carries its partition; see checkout-id.ts.
    text: `select o.id, o.buyer_id, o.idempotency_key, o.fingerprint, l.sku
          from (select * from orders where id > $1 and substr(id::text, 16, 3) = $2
                 order by id limit ${countMax}) o
          left join order_lines l on l.order_id = o.id and l.stock <> 'asked'
         order by o.id`,
    values: [after, partitionDigits(partition)],
  })
  return rows.map((row) => ({
    checkoutId: row.id as string,
    buyerId: row.buyer_id as string,
    key: row.idempotency_key as string | null,
    fingerprint: row.fingerprint as string,
    sku: row.sku as string | null,
  }))
}
