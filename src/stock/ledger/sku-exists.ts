import type { CommonQueryMethods } from 'slonik'
import { sql } from '../../platform/postgres/pool.ts'

/** Whether the ledger knows the SKU. */
export function skuExists(db: CommonQueryMethods, sku: string): Promise<boolean> {
  return db.exists(sql.typeAlias('none')`select from ledger where sku = ${sku}`)
}
