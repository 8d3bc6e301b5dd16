/** Tables full of other people's purchases, for tests that ask how much is read beside one's own. */
import type { CommonQueryMethods } from 'slonik'
import { sql } from '../../../src/platform/postgres/pool.ts'

/** Writes open checkouts of one unit each, a third of them paying and a third assembling, with all that belongs to them. */
export async function fillWithOpenCheckouts(
  q: CommonQueryMethods,
  { sku, count }: { readonly sku: string; readonly count: number },
): Promise<void> {
  await q.query(sql.typeAlias('none')`
    with n as materialized (
      select gen_random_uuid() as id, gen_random_uuid() as buyer, i % 3 as kind
        from generate_series(1, ${count}) as i),
    orders as (
      insert into orders (id, number, buyer_id, idempotency_key, state, total, currency, expires_at)
      select id, nextval('order_numbers'), buyer, id::text,
        (array['reserved', 'paying', 'assembling'])[kind + 1], 500, 'EUR', now() + interval '1 hour' from n),
    counts as (insert into buyer_units (pool, buyer_id, units, unit_limit) select 'crowd', buyer, 1, 2 from n),
    lines as (
      insert into order_lines (order_id, sku, quantity, unit_price, pool, stock)
      select id, ${sku}, 1, 500, 'crowd', 'held' from n),
    paid as (insert into payments (checkout_id, amount, currency) select id, 500, 'EUR' from n),
    attempts as (
      insert into payment_attempts (checkout_id, attempt, payment_method_id)
      select id, 1, 'pm_card_visa' from n)
    insert into stock_commands (id, partition, sku, kind, checkout_id, reason)
    select gen_random_uuid(), 63, ${sku}, 'release', id, 'a test' from n`)
}
