import type { DatabaseTransactionConnection } from 'slonik'
import { AppError } from '../kernel/errors.ts'
import { isUuid } from '../kernel/ids.ts'
import { sql } from '../platform/postgres/pool.ts'

/**
 * The id of a seller's own product, by id or slug, its row locked until the end of `tx`: for changes beside
 * the product that must take turns. @throws AppError not_found, also when it is somebody else's.
 */
export async function lockOwnProduct(
  tx: DatabaseTransactionConnection,
  idOrSlug: string,
  sellerId: string,
): Promise<string> {
  const named = isUuid(idOrSlug) ? sql.fragment`id = ${idOrSlug}` : sql.fragment`slug = ${idOrSlug}`
  const found = await tx.maybeOne(sql.typeAlias('id')`
    select id from products where ${named} and seller_id = ${sellerId} and archived_at is null
    for no key update`)
  if (!found) throw new AppError('not_found', 'There is no such product.')
  return found.id
}
