/** Money for a hold that is still there: checkout, order, payment and stock move in one statement. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { IntentFacts } from '../../payments/gateway.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { StockCommand } from '../../stock/post-commands.ts'

export type PaidFacts = Pick<IntentFacts, 'amount' | 'amountReceived' | 'currency'> & {
  /** Null when there was nothing to pay. */
  readonly id: string | null
}

const Settled = z.object({ commands: z.array(z.object({ id: z.string(), sku: z.string() })) })

/**
 * Confirms a checkout that is reserved or being paid, if the intent is its own and the amount is the
 * order's. Returns the commands that sell its units, or null when nothing was changed: it has ended, is
 * confirmed, or something does not fit. The row of the checkout decides every race. Prepared: planning it
 * costs more than running it.
 */
export async function settlePaid(
  pool: DatabasePool,
  checkoutId: string,
  { id, amount, amountReceived, currency }: PaidFacts,
): Promise<StockCommand[] | null> {
  if (amountReceived !== amount) return null
  const settled = await pool.maybeOne(sql.prepared('settle-paid', Settled)`
    with confirmed as (
      update checkouts set status = 'confirmed', reason = null
       where id = ${checkoutId} and status in ('paying', 'reserved')
         and exists (select from payments p join orders o on o.id = p.checkout_id
           where p.checkout_id = ${checkoutId} and p.status = 'open' and p.intent_id is not distinct from ${id}
             and p.amount = ${amount} and p.currency = ${currency}
             and o.total = ${amount} and o.currency = ${currency})
      returning id),
    payment as (
      update payments p set status = 'succeeded', captured = p.amount, updated_at = now()
        from confirmed c where p.checkout_id = c.id),
    attempts as (
      update payment_attempts a set state = 'succeeded', settled_at = now()
        from confirmed c where a.checkout_id = c.id and a.state in ('pending', 'requires_action')),
    paid as (
      update orders o set status = 'paid' from confirmed c where o.id = c.id),
    lines as (
      update order_lines l set status = 'paid' from confirmed c where l.order_id = c.id),
    history as (
      insert into order_history (order_id, from_status, to_status, reason)
      select id, 'awaiting_payment', 'paid', 'the payment succeeded' from confirmed),
    event as (
      insert into outbox (topic, key, payload)
      select 'order.paid', id::text, jsonb_build_object('orderId', id) from confirmed
      on conflict do nothing),
    journal as (
      insert into saga_journal (checkout_id, step, state, ended_at)
      select c.id, step, 'done', now() from confirmed c, unnest(array['charge', 'confirm', 'fulfil']) as step
      on conflict (checkout_id, step) do update set state = 'done', ended_at = now()),
    sold as (
      insert into stock_commands (id, partition, sku, kind, checkout_id, reason)
      select gen_random_uuid(), l.partition, h.sku, 'sell', c.id, 'paid'
        from confirmed c join holds h on h.checkout_id = c.id join ledger l on l.sku = h.sku
       where h.state = 'held'
      on conflict do nothing
      returning id, sku)
    select (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'sku', sku)), '[]') from sold) as commands
      from confirmed`)
  if (!settled) return null
  return settled.commands.map((command) => ({ ...command, kind: 'sell', checkoutId, units: null }))
}
