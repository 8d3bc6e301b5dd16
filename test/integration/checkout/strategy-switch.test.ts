// STOCK_STRATEGY actor, then pessimistic, then actor again, on the same stores.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { startApi } from '../../../src/system/api.ts'
import { startWorker } from '../../../src/system/worker.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestSystem } from '../../support/system.ts'

test('what is accepted after a strategy was switched back is sold', async (t) => {
  const shop = await startTestSystem(t, { apis: 0, workers: 0 })
  const sku = await shop.addSku({ units: 100 })
  const sell = async (STOCK_STRATEGY: 'actor' | 'pessimistic', count: number) => {
    const config = { ...shop.config, STOCK_STRATEGY }
    const [api, worker] = [await startApi(config), await startWorker(config)]
    try {
      for (let i = 0; i < count; i++) {
        await eventually(async () => {
          const { status, body } = await shop.place(newId(), [{ sku, quantity: 1 }], {
            url: api.url,
            wait: 10,
          })
          assert.equal(status, 201, JSON.stringify(body))
        })
      }
    } finally {
      await api.stop()
      await worker.stop()
    }
  }
  await sell('actor', 3)
  await sell('pessimistic', 5)
  await sell('actor', 4)
  assert.equal((await shop.ledgerOf(sku)).held, 12)
})
