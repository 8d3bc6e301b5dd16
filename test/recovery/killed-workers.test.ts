// Workers are killed with SIGKILL in the middle of a sale. What was admitted is committed by whoever comes
// next, once, and exactly the stock is sold.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Crowd } from '../support/crowd.ts'
import { sellOutAndJudge } from '../support/judge.ts'
import { startShop } from '../support/processes.ts'

test('a killed worker is replaced by the other one, which goes on at the cursor', async (t) => {
  const shop = await startShop(t, { workers: 2 })
  const crowd = new Crowd(shop, { pauseMs: 60 }).start()
  await crowd.acceptedMore(100)
  const owner = await shop.ownerOf('DROP-1')
  await owner.kill()
  await shop.ownedEvenly()
  await crowd.acceptedMore(50)
  await shop.startWorker(owner)
  await shop.ownedEvenly()
  await sellOutAndJudge(shop, crowd)
})

test('the only worker is killed and started again: what was admitted meanwhile is committed', async (t) => {
  const shop = await startShop(t)
  const crowd = new Crowd(shop).start()
  const [worker] = shop.workers
  assert.ok(worker)
  await crowd.acceptedMore(100)
  await worker.kill()
  await crowd.acceptedMore(100)
  await shop.startWorker(worker)
  await sellOutAndJudge(shop, crowd)
})
