/** Somebody refunds payments at the provider's dashboard, and tells nobody. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../../src/platform/postgres/pool.ts'
import type { Script } from './trouble.ts'

const Intent = z.object({ intentId: z.string() })

/** Refunds up to `count` payments that nobody has refunded, each whole. */
export async function refundAtProvider(
  pool: DatabasePool,
  script: Script,
  count: number,
): Promise<void> {
  const paid = await pool.any(sql.type(Intent)`
    select intent_id as "intentId" from payments p
     where status = 'succeeded' and intent_id is not null
       and not exists (select from refunds r where r.checkout_id = p.checkout_id)
     order by checkout_id limit ${count}`)
  for (const { intentId } of paid) await script('POST', `payment_intents/${intentId}/refund`, {})
}
