import type { CommonQueryMethods } from 'slonik'
import { sql } from '../../platform/postgres/pool.ts'

/**
 * For the gate of an API process or worker, when a SKU has no gate: whether the ledger knows the
 * SKU. Rejects with PostgreSQL's errors.
 */
export function skuExists(db: CommonQueryMethods, sku: string): Promise<boolean> {
  return db.exists(sql.typeAlias('none')`select from ledger where sku = ${sku}`)
}
