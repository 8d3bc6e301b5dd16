// What is logged at the most talkative level, during a whole purchase and what goes wrong beside it, holds
// nothing that opens a door.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freePort } from '../../../dev/free-port.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { startChild } from '../../support/child.ts'
import { eventually } from '../../support/eventually.ts'
import { startTestSimulator, testStripeKey } from '../../support/simulator.ts'
import { createTestDatabase, createTestFolder, createTestRedis } from '../../support/stores.ts'
import { startTestSystem } from '../../support/system.ts'

test('the logs of a whole purchase hold no token, password or key', async (t) => {
  const [databaseUrl, redisServer, simulator, port] = await Promise.all([
    createTestDatabase(t),
    createTestRedis(t),
    startTestSimulator(t),
    freePort(),
  ])
  // Only for what it can do to the stores: all requests go to the processes below.
  const { addSku } = await startTestSystem(t, { databaseUrl, redisServer, apis: 0, workers: 0 })
  const secrets = {
    JWT_SECRET: `jwt-${newId()}`,
    STRIPE_SECRET_KEY: testStripeKey,
    STRIPE_WEBHOOK_SECRET: `whsec_${newId()}`,
  }
  const env = {
    ...secrets,
    DATABASE_URL: databaseUrl,
    REDIS_URL: redisServer.url,
    PORT: String(port),
    DATA_DIR: createTestFolder(t),
    LOG_LEVEL: 'trace',
    STRIPE_API_BASE: simulator.url,
    RATE_LIMIT_PER_MINUTE: '600',
  }
  const parts = ['api', 'worker'].map((role) => startChild(t, 'src/main.ts', [role], env))
  const url = `http://127.0.0.1:${port}`
  await eventually(async () => assert.ok((await fetch(`${url}/health/ready`)).ok), {
    timeoutMs: 30_000,
  })
  await simulator.script('PUT', 'webhooks', {
    target: { url: `${url}/webhooks/stripe`, secret: secrets.STRIPE_WEBHOOK_SECRET },
  })

  const unwanted = new Set<string>(Object.values(secrets))
  for (const store of [databaseUrl, redisServer.url]) {
    const { password } = new URL(store)
    if (password !== '') unwanted.add(password)
  }
  const call = async (method: string, path: string, body?: unknown, headers = {}) => {
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    const json = text === '' ? {} : JSON.parse(text)
    for (const name of ['accessToken', 'refreshToken', 'clientSecret']) {
      if (typeof json[name] === 'string') unwanted.add(json[name])
    }
    return { status: answer.status, body: json }
  }
  const password = `a password ${newId()}`
  const other = `another password ${newId()}`
  unwanted.add(password).add(other)

  const email = `${newId()}@example.com`
  const account = { email, password, name: 'Ann', role: 'buyer' }
  assert.equal((await call('POST', '/api/auth/register', account)).status, 201)
  assert.equal((await call('POST', '/api/auth/register', account)).status, 409)
  assert.equal((await call('POST', '/api/auth/login', { ...account, extra: 1 })).status, 400)
  assert.equal((await call('POST', '/api/auth/login', { email, password: other })).status, 401)
  const login = await call('POST', '/api/auth/login', { email, password })
  const bearer = { authorization: `Bearer ${login.body.accessToken}` }
  const refreshed = await call('POST', '/api/auth/refresh', {
    refreshToken: login.body.refreshToken,
  })
  assert.equal(refreshed.status, 200)
  const forged = { authorization: `Bearer ${login.body.accessToken}x` }
  assert.equal((await call('GET', '/api/me', undefined, forged)).status, 401)

  const sku = await addSku({ units: 5 })
  const buy = async (paymentMethodId: string) => {
    const headers = { ...bearer, 'idempotency-key': newId(), prefer: 'wait=10' }
    const items = [{ sku, quantity: 1 }]
    const placed = await eventually(async () => {
      const answer = await call('POST', '/api/checkouts', { items }, headers)
      assert.equal(answer.status, 201)
      return answer
    })
    const path = `/api/checkouts/${placed.body.id}/confirm`
    return (await call('POST', path, { paymentMethodId }, bearer)).status
  }
  assert.equal(await buy('pm_card_visa'), 200)
  assert.equal(await buy('pm_card_chargeDeclined'), 402)
  assert.equal(await buy('pm_card_authenticationRequired'), 202)
  const change = { currentPassword: password, newPassword: other }
  assert.equal((await call('PUT', '/api/me/password', change, bearer)).status, 204)
  const unsigned = { 'stripe-signature': `t=1,v1=${'a'.repeat(64)}` }
  assert.equal((await call('POST', '/webhooks/stripe', {}, unsigned)).status, 400)

  // Failures of ours are logged with all that is known about them.
  await redisServer.kill('SIGKILL')
  const down = { ...bearer, 'idempotency-key': newId() }
  const items = [{ sku, quantity: 1 }]
  assert.equal((await call('POST', '/api/checkouts', { items }, down)).status, 503)

  for (const part of parts) part.process.kill('SIGTERM')
  await Promise.all(parts.map(({ ended }) => ended))
  for (const part of parts) {
    const said = part.said()
    assert.match(said, /"role":"(api|worker)"/)
    assert.ok(unwanted.size > 10)
    for (const secret of unwanted) {
      const at = said.indexOf(secret)
      assert.equal(at, -1, said.slice(Math.max(0, at - 300), at + 100))
    }
    assert.doesNotMatch(said, /argon2|Bearer /)
  }
})
