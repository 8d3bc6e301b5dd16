// An API process is killed with SIGKILL in the middle of a sale. Whoever lost an answer tries again with
// the same key elsewhere, and everybody gets exactly one checkout.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Crowd } from '../support/crowd.ts'
import { sellOutAndJudge } from '../support/judge.ts'
import { startShop } from '../support/processes.ts'

test('an API killed under load costs nobody a checkout: the same keys work on the other one', async (t) => {
  const shop = await startShop(t, { apis: 2 })
  const crowd = new Crowd(shop).start()
  const [first] = shop.apis
  assert.ok(first)
  await crowd.acceptedMore(100)
  await first.kill()
  await crowd.acceptedMore(100)
  assert.ok((crowd.unanswered.get(first.url) ?? 0) > 0, 'the killed API was in use')
  await shop.startApi(first)
  await sellOutAndJudge(shop, crowd)
})
