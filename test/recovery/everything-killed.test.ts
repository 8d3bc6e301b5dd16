// The power goes: stores, APIs and workers are killed at the same moment, and started again.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Crowd } from '../support/crowd.ts'
import { sellOutAndJudge } from '../support/judge.ts'
import { startShop } from '../support/processes.ts'

test('everything killed at once and started again keeps every guarantee', async (t) => {
  const shop = await startShop(t, { ownPostgres: true, apis: 2, workers: 2 })
  const { postgres, redis, apis, workers } = shop
  assert.ok(postgres)
  const crowd = new Crowd(shop).start()
  await crowd.acceptedMore(150)
  await Promise.all([
    postgres.kill('SIGKILL'),
    redis.kill('SIGKILL'),
    ...[...apis, ...workers].map((part) => part.kill()),
  ])
  await Promise.all([postgres.restart(), redis.restart()])
  await Promise.all(apis.map((api) => shop.startApi(api)))
  for (const worker of workers) await shop.startWorker(worker)
  await sellOutAndJudge(shop, crowd)
})
