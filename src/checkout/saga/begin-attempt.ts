import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../../platform/postgres/pool.ts'

const Begun = z.object({
  attempt: z.number(),
  intentId: z.string().nullable(),
  amount: z.number(),
  currency: z.string(),
})
export type Begun = z.infer<typeof Begun>

/**
 * `reserved` becomes `paying`, and the attempt is written down before the provider hears of it; one
 * statement, so both or neither. Null when the checkout is not this buyer's, not reserved, or too late.
 * Amount and currency are the order's.
 */
export function beginAttempt(
  pool: DatabasePool,
  request: {
    readonly checkoutId: string
    readonly buyerId: string
    readonly paymentMethodId: string
  },
): Promise<Begun | null> {
  const { checkoutId, buyerId, paymentMethodId } = request
  return pool.maybeOne(sql.prepared('begin-attempt', Begun)`
    with paying as (
      update checkouts set status = 'paying'
       where id = ${checkoutId} and buyer_id = ${buyerId} and status = 'reserved' and expires_at > now()
      returning id),
    payment as (
      insert into payments (checkout_id, amount, currency)
      select o.id, o.total, o.currency from paying join orders o on o.id = paying.id
      on conflict (checkout_id) do update set updated_at = now()
      returning checkout_id, intent_id, amount, currency),
    attempt as (
      insert into payment_attempts (checkout_id, attempt, payment_method_id)
      select checkout_id, 1 + (select count(*) from payment_attempts where checkout_id = ${checkoutId}),
          ${paymentMethodId} from payment
      returning checkout_id, attempt),
    journal as (
      insert into saga_journal (checkout_id, step, state, detail)
      select checkout_id, 'charge', 'started', jsonb_build_object('attempt', attempt) from attempt
      on conflict (checkout_id, step) do update
        set state = 'started', started_at = now(), ended_at = null, detail = excluded.detail)
    select attempt, intent_id as "intentId", amount, currency from payment join attempt using (checkout_id)`)
}
