// A seller moves lines that the owners of their SKUs write, too: whoever is held up gives way after a second.
import assert from 'node:assert/strict'
import test from 'node:test'
import { moveOrder } from '../../../src/flows/sell/move-order.ts'
import { isOutage } from '../../../src/http/server/outage.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { openPool } from '../../../src/platform/postgres/pool.ts'
import { endCheckout, giveSeller } from '../../support/purchases/change.ts'
import { writePaidOrder } from '../../support/purchases/write.ts'
import { createTestDatabase } from '../../support/stores.ts'

test('a seller who meets a lock is asked to try again, and has moved nothing', async (t) => {
  const url = await createTestDatabase(t)
  const pool = await openPool(url, { max: 3, statementTimeoutMs: 20_000, onError: () => {} })
  t.after(() => pool.end())
  const sellerId = newId()
  const line = { sku: 'MUG', title: 'Mug', units: 1, unitPrice: 500 }
  const orderId = await writePaidOrder(pool, newId(), [line])
  await giveSeller(pool, orderId, sellerId)
  const locked = Promise.withResolvers<void>()
  const release = Promise.withResolvers<void>()
  const undone = new Error('undone')
  const holding = pool
    .transaction(async (tx) => {
      await endCheckout(tx, orderId, 'expired')
      locked.resolve()
      await release.promise
      throw undone
    }, 0)
    .catch((error: unknown) => assert.equal(error, undone))
  await locked.promise
  const to = 'processing'
  // Released only afterwards: without a limit it would wait for the pool's own.
  await assert.rejects(moveOrder(pool, { orderId, sellerId, to }), (error) => isOutage(error))
  release.resolve()
  await holding
  await moveOrder(pool, { orderId, sellerId, to })
})
