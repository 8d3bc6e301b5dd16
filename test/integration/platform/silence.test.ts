// A PostgreSQL whose machine has died without a word: no FIN, no RST, only silence.
import assert from 'node:assert/strict'
import test from 'node:test'
import { isOutage } from '../../../src/http/server/outage.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { openPool, PoolCrowded, sql } from '../../../src/platform/postgres/pool.ts'
import { together } from '../../../src/platform/postgres/together.ts'
import { startHoldingProxy } from '../../support/holding-proxy.ts'
import { createTestDatabase } from '../../support/stores.ts'

test('a statement that is never answered is given up, and so is its connection', async (t) => {
  const url = new URL(await createTestDatabase(t))
  const proxy = await startHoldingProxy(t, { host: url.hostname, port: Number(url.port) })
  url.port = String(proxy.port)
  const pool = await openPool(url.href, { max: 1, statementTimeoutMs: 200, onError: () => {} })
  t.after(() => pool.end())
  const one = (n: number) =>
    pool.oneFirst(sql.typeAlias('count')`select ${n}::int as count`).then(Number)
  const ask = together<number, number>({
    all: async (_, asks) => Promise.all(asks.map(one)),
    one: (_, n) => one(n),
  })
  assert.equal(await ask(pool, 1), 1)
  proxy.hold()
  // Whoever comes while it hangs waits no longer than it does.
  const answers = await Promise.allSettled([ask(pool, 2), ask(pool, 3)])
  for (const answer of answers) {
    assert.equal(answer.status, 'rejected')
    assert.ok(
      isOutage((answer as PromiseRejectedResult).reason),
      String((answer as PromiseRejectedResult).reason),
    )
  }
  proxy.cut()
  proxy.release()
  assert.equal(await ask(pool, 4), 4)
})

test('a crowd that waits for PostgreSQL is refused beyond a bound', async (t) => {
  const url = new URL(await createTestDatabase(t))
  const proxy = await startHoldingProxy(t, { host: url.hostname, port: Number(url.port) })
  url.port = String(proxy.port)
  const pool = await openPool(url.href, {
    max: 1,
    waitingMax: 3,
    statementTimeoutMs: 5_000,
    onError: () => {},
  })
  t.after(() => pool.end())
  const ask = () => pool.oneFirst(sql.typeAlias('count')`select 1::int as count`)
  assert.equal(await ask(), 1)
  proxy.hold()
  const asked: Promise<number>[] = []
  for (let i = 0; i < 10; i++) {
    const answer = ask()
    if (i < 4) asked.push(answer)
    else await assert.rejects(answer, (error) => error instanceof PoolCrowded && isOutage(error))
    await systemClock.turn()
  }
  proxy.release()
  assert.deepEqual(await Promise.all(asked), [1, 1, 1, 1])
})
