/** A payment as PostgreSQL has it. */
import type { CommonQueryMethods, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../../../platform/postgres/pool.ts'
import type { KnownPayment } from './store.ts'

/** For the statements of PgMoneyStore: one row of {@link paymentColumns}. */
export const PaymentRow = z.object({
  checkoutId: z.string(),
  intentId: z.string().nullable(),
  amount: z.number(),
  currency: z.string(),
  status: z.enum(['open', 'succeeded', 'canceled']),
  captured: z.number(),
  refunded: z.number(),
  reclaiming: z.boolean(),
})

/** For the statements of PgMoneyStore: what is read of a payment. */
export const paymentColumns = sql.fragment`checkout_id as "checkoutId", intent_id as "intentId", amount, currency, status,
  captured, refunded, reclaiming_since is not null as reclaiming`

/** For PgMoneyStore; null before the first attempt. */
export function findPayment(
  db: CommonQueryMethods,
  checkoutId: string,
): Promise<KnownPayment | null> {
  return db.maybeOne(sql.type(PaymentRow)`
    select ${paymentColumns} from payments where checkout_id = ${checkoutId}`)
}

/** As {@link findPayment}; the caller has locked the order. */
export function lockPayment(
  tx: DatabaseTransactionConnection,
  checkoutId: string,
): Promise<KnownPayment | null> {
  return tx.maybeOne(sql.type(PaymentRow)`
    select ${paymentColumns} from payments where checkout_id = ${checkoutId} for update`)
}
