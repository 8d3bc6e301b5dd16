// Redis comes back as it was a while ago: its gates offer what is sold long since, its mailboxes end before
// the ledger's cursor. It must admit nobody until the gates are built anew.
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { Crowd } from '../support/crowd.ts'
import { sellOutAndJudge } from '../support/judge.ts'
import { startShop } from '../support/processes.ts'

test('Redis restored from an older copy of its append-only file sells nothing twice', async (t) => {
  const shop = await startShop(t, { workers: 2 })
  const crowd = new Crowd(shop).start()
  const live = join(shop.redis.dir, 'appendonlydir')
  const copy = join(shop.redis.dir, 'older')
  await crowd.acceptedMore(80)
  cpSync(live, copy, { recursive: true })
  await crowd.acceptedMore(120)
  await shop.redis.kill('SIGKILL')
  rmSync(live, { recursive: true })
  cpSync(copy, live, { recursive: true })
  await shop.redis.restart()
  await sellOutAndJudge(shop, crowd, { mayLose: true })
})
