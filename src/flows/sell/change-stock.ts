/** A seller's restocks, corrections and thresholds of SKUs that are theirs. */
import type { DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { type AuditActor, appendAudit } from '../../audit/audit-log.ts'
import { AppError } from '../../kernel/errors.ts'
import { newId } from '../../kernel/ids.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { StockCommand } from '../../stock/protocol/messages.ts'
import { writeCommands } from '../reserve/end-checkout.ts'
import { unknownSku } from '../reserve/refusals.ts'
import type { ReservationStrategy } from '../reserve/strategy.ts'

/** What a seller sends to POST /api/skus/:sku/stock; the reason goes to the audit log. */
export interface StockChange {
  readonly seller: AuditActor
  readonly sku: string
  /** Units that came, or, below zero, that are gone; never zero. */
  readonly delta: number
  readonly reason: string
}

/**
 * For POST /api/skus/:sku/stock: writes a change of stock and posts it; the SKU's actor carries it
 * out. Taking away more than is free changes nothing: a refusal in the audit log says so
 * afterwards. @throws AppError not_found when the SKU is not the seller's; PostgreSQL's errors.
 */
export async function changeStock(
  deps: { readonly pool: DatabasePool; readonly strategy: Pick<ReservationStrategy, 'post'> },
  { seller, sku, delta, reason }: StockChange,
): Promise<void> {
  const command: StockCommand = {
    id: newId(),
    sku,
    kind: 'restock',
    checkoutId: null,
    units: delta,
  }
  const commands = await deps.pool.transaction(async (tx) => {
    await expectOwn(tx, seller.id, sku)
    await appendAudit(tx, {
      actor: seller,
      action: 'stock.changed',
      subject: `sku:${sku}`,
      details: { commandId: command.id, delta, reason },
    })
    return writeCommands(tx, [command], reason)
  })
  await deps.strategy.post(commands)
}

/**
 * For PUT /api/skus/:sku/threshold: at how many free units the seller wants to hear that a SKU is
 * low. @throws AppError not_found when the SKU is not the seller's; PostgreSQL's errors.
 */
export async function setThreshold(
  pool: DatabasePool,
  {
    seller,
    sku,
    units,
  }: { readonly seller: AuditActor; readonly sku: string; readonly units: number },
): Promise<void> {
  await pool.transaction(async (tx) => {
    await expectOwn(tx, seller.id, sku)
    await tx.query(sql.typeAlias('none')`
      insert into stock_thresholds (sku, units) values (${sku}, ${units})
      on conflict (sku) do update set units = excluded.units`)
    await appendAudit(tx, {
      actor: seller,
      action: 'stock.threshold_set',
      subject: `sku:${sku}`,
      details: { units },
    })
  })
}

async function expectOwn(
  tx: DatabaseTransactionConnection,
  sellerId: string,
  sku: string,
): Promise<void> {
  const own = await tx.exists(sql.typeAlias('none')`
    select from variants v join products p on p.id = v.product_id
     where v.sku = ${sku} and p.seller_id = ${sellerId} and v.archived_at is null and p.archived_at is null`)
  if (own) return
  const { code, detail, extras } = unknownSku(sku)
  throw new AppError(code, detail, extras)
}
