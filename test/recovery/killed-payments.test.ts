// kill -9 while money is on its way: before the provider has charged, after it has, and everywhere between.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { DatabasePool } from 'slonik'
import { loadConfig } from '../../src/config/config.ts'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { checkGuarantees } from '../../src/ops/guarantees.ts'
import { openPool } from '../../src/platform/postgres/pool.ts'
import { openRedis } from '../../src/platform/redis/client.ts'
import { eventually } from '../support/eventually.ts'
import { type Shop, startShop } from '../support/processes.ts'
import { countOrders } from '../support/purchases/count.ts'
import { startTestSimulator, testStripeKey } from '../support/simulator.ts'

const each = 6
const total = 3_900
/** Longer than it takes to get everybody into the provider's hands, shorter than until a job takes over. */
const slowMs = 10_000

test('API and worker are killed in the middle of payments: nobody pays twice, or for nothing', async (t) => {
  const simulator = await startTestSimulator(t)
  const shop = await startShop(t, {
    stock: [100],
    settings: {
      STRIPE_API_BASE: simulator.url,
      STRIPE_SECRET_KEY: testStripeKey,
      STRIPE_REQUESTS_PER_SECOND: '0',
      STRIPE_REQUESTS_PER_ENDPOINT: '0',
      SWEEP_SECONDS: '2',
    },
  })
  const [api, worker] = [shop.apis[0], shop.workers[0]]
  assert.ok(api && worker)
  const slow = (when: 'before' | 'after') =>
    simulator.script('PUT', 'faults', {
      latency: { minMs: slowMs, maxMs: slowMs, when, match: 'POST /v1/payment_intents' },
    })
  const charged = async () => {
    const { charges } = await simulator.script('GET', 'summary')
    return (charges as { succeeded: number }).succeeded
  }
  const pending = async () => {
    const [row] = await shop.rows<{ count: number }>(
      `select count(*)::int from payment_attempts where state = 'pending'`,
    )
    return row?.count
  }
  const buyers = await Promise.all(Array.from({ length: 4 * each }, () => reserve(shop)))
  const group = (n: number) => buyers.slice(n * each, (n + 1) * each)
  const start = (n: number) => {
    for (const buyer of group(n)) void confirm(shop, buyer).catch(() => {})
  }

  // The second attempt of some is at the intent of the first.
  for (const buyer of group(2)) {
    assert.equal(await confirm(shop, buyer, 'pm_card_chargeDeclined'), 402)
  }
  // Charged, and the answer never arrives: nobody knows which intent it is.
  await slow('after')
  start(0)
  await eventually(async () => assert.equal(await charged(), each))
  // Asked, and not charged yet; the provider does it after the death of who asked.
  await slow('before')
  start(1)
  await eventually(async () => assert.equal(await pending(), 2 * each))
  await slow('after')
  start(2)
  await eventually(async () => assert.equal(await pending(), 3 * each))
  await simulator.script('DELETE', 'faults')
  // And some at full speed, wherever they are by then.
  start(3)
  await Promise.all([api.kill(), worker.kill()])
  await Promise.all([shop.startApi(api), shop.startWorker(worker)])

  // Each buyer asks until there is an answer for good: paid, or failed and given back.
  const answers = await eventually(
    async () => {
      const statuses = await Promise.all(buyers.map((buyer) => confirm(shop, buyer)))
      assert.deepEqual(
        statuses.filter((status) => status !== 200 && status !== 409),
        [],
      )
      return statuses
    },
    { timeoutMs: 60_000, everyMs: 500 },
  )
  const pool = await openPool(shop.databaseUrl, {
    max: 2,
    statementTimeoutMs: 10_000,
    onError: () => {},
  })
  t.after(() => pool.end())
  const paid = answers.filter((status) => status === 200).length
  assert.ok(paid >= each, `only ${paid} of ${buyers.length} are paid`)
  await eventually(
    async () => {
      const summary = await simulator.script('GET', 'summary?by=checkoutId')
      assert.deepEqual(summary.chargedTwice, [])
      const { captured, refunded } =
        (summary.money as Record<string, Record<string, number>>).eur ?? {}
      assert.equal(
        (captured ?? 0) - (refunded ?? 0),
        paid * total,
        'what was not bought is given back',
      )
      const ended = ['paid', 'cancelled', 'refunded']
      assert.equal(await countOrders(pool, { statuses: ['paid'] }), paid)
      assert.equal(await countOrders(pool, { statuses: ended }), buyers.length)
      const [ledger] = await shop.rows(`select free, held, sold from ledger`)
      assert.deepEqual(ledger, { free: 100 - paid, held: 0, sold: paid })
      const open = await shop.rows(
        `select 1 from payment_attempts where state in ('pending', 'requires_action')
       union all select 1 from payments where reclaiming_since is not null`,
      )
      assert.deepEqual(open, [])
    },
    { timeoutMs: 60_000, everyMs: 250 },
  )
  await promisesKept(shop, pool)
})

interface Buyer {
  readonly buyer: string
  readonly id: string
}

async function reserve(shop: Shop): Promise<Buyer> {
  const buyer = newId()
  const key = newId()
  return eventually(async () => {
    const response = await fetch(`${shop.apis[0]?.url}/api/checkouts`, {
      method: 'POST',
      headers: {
        authorization: shop.bearer(buyer),
        'content-type': 'application/json',
        'idempotency-key': key,
        prefer: 'wait=10',
      },
      body: JSON.stringify({ items: [{ sku: shop.skus[0]?.sku, quantity: 1 }] }),
      signal: AbortSignal.timeout(15_000),
    })
    const body = (await response.json()) as { id: string; status: string }
    assert.equal(body.status, 'reserved', JSON.stringify(body))
    return { buyer, id: body.id }
  })
}

async function confirm(
  shop: Shop,
  { buyer, id }: Buyer,
  paymentMethodId = 'pm_card_visa',
): Promise<number> {
  const response = await fetch(`${shop.apis[0]?.url}/api/checkouts/${id}/confirm`, {
    method: 'POST',
    headers: { authorization: shop.bearer(buyer), 'content-type': 'application/json' },
    body: JSON.stringify({ paymentMethodId }),
    signal: AbortSignal.timeout(30_000),
  })
  await response.body?.cancel()
  return response.status
}

async function promisesKept(shop: Shop, pool: DatabasePool): Promise<void> {
  const redis = openRedis(shop.redis.url, 'gate', () => {})
  try {
    const config = loadConfig({ NODE_ENV: 'test' })
    const report = await eventually(async () => {
      await redis.ping()
      return checkGuarantees({ pool, redis, config, clock: systemClock })
    })
    assert.deepEqual(
      report.promises.flatMap(({ breaches }) => breaches),
      [],
    )
  } finally {
    redis.disconnect()
  }
}
