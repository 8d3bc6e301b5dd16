/** Too many requests, and stores that are away. No worker runs any more, and afterwards no Redis. */
import assert from 'node:assert/strict'
import { newId } from '../../../../src/kernel/ids.ts'
import { startApi } from '../../../../src/system/api.ts'
import { emailOf } from '../../people.ts'
import type { Ask } from '../recorder.ts'
import type { Stage } from '../stage.ts'

export async function limits(stage: Stage): Promise<void> {
  await tooMany(stage)
  await uncommitted(stage)
  await withoutRedis(stage)
}

/** A refusal comes within two windows, wherever in a minute this begins. */
async function tooMany(stage: Stage): Promise<void> {
  const { config } = stage.system
  const strict = await startApi({ ...config, RATE_LIMIT_PER_MINUTE: 30 })
  const untilRefused = async (title: string, call: string, max: number, ask: Ask) => {
    const asked = { ...ask, url: strict.url }
    for (let sent = 0; sent <= 2 * max + 1; sent++) {
      const { status } = await stage.send(call, asked)
      if (status === 429) return stage.play(title, call, asked)
    }
    assert.fail(`${title}: never refused`)
  }
  try {
    const body = { email: emailOf('nobody'), password: 'wrong' }
    await untilRefused('Too many log-ins of one address', 'POST /api/auth/login', 10, { body })
    const as = await stage.person('sven', 'buyer')
    await untilRefused('Too many requests of one account', 'GET /api/bench/baseline', 30, { as })
    await stage.play('Probes are not counted', 'GET /health/live', { url: strict.url })
  } finally {
    await strict.stop()
  }
}

async function uncommitted(stage: Stage): Promise<void> {
  const { play } = stage
  const as = await stage.person('tina', 'buyer')
  const headers = { 'idempotency-key': newId() }
  const ask = { as, body: { items: [{ sku: 'OPS-FAN', quantity: 1 }] }, headers }
  const { body } = await play('Nobody commits', 'POST /api/checkouts', ask)
  await play('It is queued', `GET /api/checkouts/${body.id}`, { as })
  await play('The same key', 'POST /api/checkouts', ask)
  const prefer = { ...ask, headers: { ...headers, prefer: 'wait=1' } }
  await play('The same key waits in vain', 'POST /api/checkouts', prefer)
  await play('It is given back', `DELETE /api/checkouts/${body.id}`, { as })
  await play('And cancelled', `GET /api/checkouts/${body.id}`, { as })
  const pay = { as, body: { paymentMethodId: 'pm_card_visa' } }
  await play('It is not paid', `POST /api/checkouts/${body.id}/confirm`, pay)
}

async function withoutRedis(stage: Stage): Promise<void> {
  const { play, system } = stage
  const as = await stage.person('ulla', 'buyer')
  await system.redisServer.kill('SIGKILL')
  const isAway = ({ status }: { readonly status: number }) => status === 503
  await stage.until('Redis is away', 'GET /health', {}, isAway)
  await play('The process takes no work', 'GET /health/ready')
  await play('And is alive', 'GET /health/live')
  const headers = { 'idempotency-key': newId() }
  const body = { items: [{ sku: 'OPS-FAN', quantity: 1 }] }
  await play('Nobody is admitted', 'POST /api/checkouts', { as, body, headers })
  await play('Nor in one call', 'POST /api/orders', { as, body, headers })
  await play('No cart', 'GET /api/cart', { as })
  await play('Orders are there', 'GET /api/orders', { as })
  await play('So are products, by what the ledger says', 'GET /api/skus/ORD-ONE')
}
