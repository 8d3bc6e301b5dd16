import type { CommonQueryMethods } from 'slonik'
import { sql } from '../../platform/postgres/pool.ts'

/**
 * Whether the ledger knows the SKU. The gate of an API process or worker asks when a SKU has no
 * gate.
 */
export function skuExists(db: CommonQueryMethods, sku: string): Promise<boolean> {
  return db.exists(sql.typeAlias('none')`select from ledger where sku = ${sku}`)
}
