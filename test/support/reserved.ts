/** Checkouts that can be paid, made without a gate. */
import type { DatabasePool } from 'slonik'
import { newId } from '../../src/kernel/ids.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { writeReserved } from './purchases/write.ts'

export interface Reserved {
  readonly checkoutId: string
  readonly buyerId: string
  readonly paymentMethodId: string
  readonly queue: boolean
}

/** Reserved checkouts of one unit each, with their orders. */
export async function reserve(pool: DatabasePool, count: number): Promise<Reserved[]> {
  const reserved = Array.from({ length: count }, () => ({
    checkoutId: newId(),
    buyerId: newId(),
    paymentMethodId: 'pm_card_visa',
    queue: false,
  }))
  await writeReserved(
    pool,
    reserved.map(({ checkoutId, buyerId }) => ({ id: checkoutId, buyerId })),
    { sku: 'MUG', price: 500, expiresInSeconds: 3_600 },
  )
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
