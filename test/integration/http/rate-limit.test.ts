// Rate limits over a real Redis: who is counted together, what a refusal says, and that two processes
// agree. The clock stands still, so that no window ends in the middle of a test.
import assert from 'node:assert/strict'
import { request } from 'node:http'
import { test } from 'node:test'
import { SharedCounters } from '../../../src/http/server/shared-counters.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { openRedis } from '../../../src/platform/redis/client.ts'
import { startTestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestRedis } from '../../support/stores.ts'

const minute = Math.floor(systemClock.now() / 60_000) * 60_000
const clock = { ...systemClock, now: () => minute + 15_000 }

test('an account is refused after its limit, another one is not', async (t) => {
  const { app, bearer } = await startTestApp(t, {
    settings: { RATE_LIMIT_PER_MINUTE: '5', BENCH_ROUTES: '1' },
    clock,
  })
  const first = bearer()
  const call = (headers: Record<string, string>) =>
    app.inject({ method: 'POST', url: '/api/bench/baseline', headers, payload: {} })
  for (const left of [4, 3, 2, 1, 0]) {
    const answer = await call(first)
    assert.equal(answer.statusCode, 200)
    assert.equal(answer.headers['ratelimit-limit'], '5')
    assert.equal(answer.headers['ratelimit-remaining'], String(left))
    assert.equal(answer.headers['ratelimit-reset'], '45')
  }
  const refused = await call(first)
  assert.equal(refused.statusCode, 429)
  assert.equal(refused.json().code, 'rate_limited')
  assert.equal(refused.headers['retry-after'], '45')
  assert.equal((await call(bearer())).statusCode, 200)
})

test('bad tokens are counted by address, and probes are not counted', async (t) => {
  const { app } = await startTestApp(t, { settings: { RATE_LIMIT_PER_MINUTE: '3' }, clock })
  const call = (token: string) =>
    app.inject({ url: '/api/me', headers: { authorization: `Bearer ${token}` } })
  for (const token of ['a', 'b', 'c']) assert.equal((await call(token)).statusCode, 401)
  assert.equal((await call('d')).statusCode, 429)
  assert.equal((await app.inject('/nowhere')).statusCode, 429)
  for (let i = 0; i < 10; i += 1) assert.equal((await app.inject('/health/live')).statusCode, 200)
})

test('what only names a probe, and is none, is counted', async (t) => {
  const { app, bearer } = await startTestApp(t, {
    settings: { RATE_LIMIT_PER_MINUTE: '1' },
    clock,
  })
  const { port } = new URL(await app.listen({ host: '127.0.0.1', port: 0 }))
  /** The path as it is written: clients resolve `..` themselves. */
  const statusOf = (path: string, headers: Record<string, string>) =>
    new Promise<number | undefined>((resolve, reject) => {
      const sent = request({ port, path, headers, agent: false }, (answer) => {
        answer.resume().once('end', () => resolve(answer.statusCode))
      })
      sent.once('error', reject).end()
    })
  for (const path of [
    '/api/me?x=/health',
    '/api/me?/health',
    '/api/me?next=/webhooks/stripe',
    '/api/me#/metrics',
    '/api/health',
    '/nowhere/health/live',
    '/api/../health/live',
    '//health/live',
    '/health/../api/me',
    '/healthy',
    '/webhooks/nobody',
  ]) {
    const headers = bearer()
    assert.notEqual(await statusOf('/nowhere', headers), 429)
    assert.equal(await statusOf(path, headers), 429, path)
    assert.equal(await statusOf('/health/live?x=/api/me', headers), 200)
  }
})

test('log-ins for one email are limited more strictly, and 0 turns all limits off', async (t) => {
  const login = (email: string) => ({
    method: 'POST' as const,
    url: '/api/auth/login',
    payload: { email, password: 'wrong-password' },
  })
  const limited = await startTestApp(t, { settings: { RATE_LIMIT_PER_MINUTE: '600' }, clock })
  const statuses = async (app: typeof limited.app, email: string, times: number) => {
    const seen = []
    for (let i = 0; i < times; i += 1) seen.push((await app.inject(login(email))).statusCode)
    return seen
  }
  const eleven = await statuses(limited.app, 'one@example.com', 11)
  assert.deepEqual(eleven, [...Array(10).fill(401), 429])
  assert.deepEqual(await statuses(limited.app, 'ONE@example.com', 1), [429])
  assert.deepEqual(await statuses(limited.app, 'two@example.com', 1), [401])
  const free = await startTestApp(t, { clock })
  assert.deepEqual(await statuses(free.app, 'one@example.com', 12), Array(12).fill(401))
  assert.equal((await free.app.inject('/health')).headers['ratelimit-limit'], undefined)
})

test('a log-in that succeeds counts against nothing', async (t) => {
  const { app } = await startTestApp(t, { settings: { RATE_LIMIT_PER_MINUTE: '600' }, clock })
  const account = { email: 'often@example.com', password: 'a long password' }
  const registered = await app.inject({
    method: 'POST',
    url: '/api/auth/register',
    payload: { ...account, name: 'Often', role: 'buyer' },
  })
  assert.equal(registered.statusCode, 201)
  const login = async (password = account.password) => {
    const payload = { ...account, password }
    return (await app.inject({ method: 'POST', url: '/api/auth/login', payload })).statusCode
  }
  for (let i = 0; i < 12; i += 1) assert.equal(await login(), 200)
  for (let i = 0; i < 10; i += 1) assert.equal(await login('wrong-password'), 401)
  // Also the right one: who guesses must not learn that it was.
  assert.equal(await login(), 429)
})

test('counters of two processes agree over Redis, also over a cluster', async (t) => {
  for (const cluster of [false, true]) {
    const server = await createTestRedis(t, { cluster })
    const clients = [0, 1].map(() => openRedis(server.url, 'gate', () => {}))
    t.after(() => {
      for (const client of clients) client.disconnect()
    })
    const [one, two] = clients.map(
      (redis) => new SharedCounters({ redis, clock, windowMs: 60_000 }),
    )
    assert.ok(one && two)
    for (let i = 0; i < 10; i += 1) one.hit('k', 10)
    // Asking counts too, but a full counter counts no further.
    await eventually(() => two.hit('k', 10) > 10)
    assert.ok(one.hit('k', 10) > 10)
  }
})

test('without Redis each process goes on counting', async (t) => {
  const { app, redisServer, bearer } = await startTestApp(t, {
    settings: { RATE_LIMIT_PER_MINUTE: '3', BENCH_ROUTES: '1' },
    clock,
  })
  await redisServer.kill('SIGKILL')
  const headers = bearer()
  const seen = []
  for (let i = 0; i < 5; i += 1) {
    const answer = await app.inject({
      method: 'POST',
      url: '/api/bench/baseline',
      headers,
      payload: {},
    })
    seen.push(answer.statusCode)
  }
  assert.deepEqual(seen, [200, 200, 200, 429, 429])
})

test('a new window begins at nought', () => {
  let now = 1_800_000_000_000
  const counters = new SharedCounters({
    redis: undefined as never,
    clock: { ...systemClock, now: () => now, after: () => () => {} },
    windowMs: 60_000,
  })
  assert.deepEqual(
    [1, 2, 3, 4].map(() => counters.hit('k', 2)),
    [1, 2, 3, 3],
  )
  const before = now
  counters.forgive('k', before)
  assert.equal(counters.hit('k', 2), 3)
  now += 60_000
  assert.equal(counters.hit('k', 2), 1)
  // What was counted in the window before is over with it.
  counters.forgive('k', before)
  assert.equal(counters.hit('k', 2), 2)
})

test('many addresses together guess no faster at one account', async (t) => {
  const { app } = await startTestApp(t, {
    settings: { RATE_LIMIT_PER_MINUTE: '600', TRUST_PROXY: '1' },
    clock,
  })
  const statuses = []
  for (let i = 0; i < 31; i += 1) {
    const answer = await app.inject({
      method: 'POST',
      url: '/api/auth/login',
      headers: { 'x-forwarded-for': `203.0.113.${i}` },
      payload: { email: 'one@example.com', password: 'wrong-password' },
    })
    statuses.push(answer.statusCode)
  }
  assert.deepEqual(statuses, [...Array(30).fill(401), 429])
})
