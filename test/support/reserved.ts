/** Checkouts that can be paid, made without a gate. */
import type { DatabasePool } from 'slonik'
import { newId } from '../../src/kernel/ids.ts'
import { sql } from '../../src/platform/postgres/pool.ts'

export interface Reserved {
  readonly checkoutId: string
  readonly buyerId: string
  readonly paymentMethodId: string
}

/** Reserved checkouts of one unit each, with their orders. */
export async function reserve(pool: DatabasePool, count: number): Promise<Reserved[]> {
  const reserved = Array.from({ length: count }, () => ({
    checkoutId: newId(),
    buyerId: newId(),
    paymentMethodId: 'pm_card_visa',
  }))
  const rows = reserved.map(({ checkoutId, buyerId }) => [checkoutId, buyerId])
  await pool.query(sql.typeAlias('none')`
    with n as (select * from ${sql.unnest(rows, ['uuid', 'uuid'])} as n (id, buyer)),
    c as (
      insert into checkouts (id, buyer_id, idempotency_key, status, total, currency, expires_at)
      select id, buyer, id::text, 'reserved', 500, 'EUR', now() + interval '1 hour' from n),
    h as (
      insert into holds (checkout_id, sku, units, unit_price, buyer_id, state)
      select id, 'MUG', 1, 500, buyer, 'held' from n)
    insert into orders (id, buyer_id, status, total, currency)
    select id, buyer, 'awaiting_payment', 500, 'EUR' from n`)
  await pool.query(sql.typeAlias('none')`
    insert into ledger (sku, partition, on_hand, free, held) values ('MUG', 1, 1000, 900, 100)
    on conflict do nothing`)
  return reserved
}

/** What the provider says of the checkout's intent when it was paid. */
export const facts = (checkoutId: string) => ({
  id: `pi_${checkoutId}`,
  amount: 500,
  amountReceived: 500,
  currency: 'EUR',
})
