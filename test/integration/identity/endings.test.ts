// How accounts change and end: another password, erasure by the owner, a bar by an administrator.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { noteDestination } from '../../../src/fulfilment/destinations.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { eventually } from '../../support/eventually.ts'
import { countDestinations, countOrders } from '../../support/purchases/count.ts'
import { startTestSystem, type TestSystem } from '../../support/system.ts'

interface SignedIn {
  readonly user: { readonly id: string; readonly email: string }
  readonly accessToken: string
  readonly refreshToken: string
}

const password = 'a-good-password'

async function register(system: TestSystem): Promise<SignedIn> {
  const body = { email: `${newId()}@example.com`, password, name: 'Ann', role: 'buyer' }
  const answer = await system.call('POST', '/api/auth/register', { body })
  assert.equal(answer.status, 201)
  const { user, accessToken, refreshToken } = answer.body
  return { user, accessToken, refreshToken } as SignedIn
}

const withToken = (account: SignedIn) => ({
  headers: { authorization: `Bearer ${account.accessToken}` },
})

test('a password is changed by who knows it, and every session ends', async (t) => {
  const system = await startTestSystem(t, { workers: 0 })
  const ann = await register(system)
  const login = (text: string) =>
    system.call('POST', '/api/auth/login', { body: { email: ann.user.email, password: text } })
  const change = (body: unknown) =>
    system.call('PUT', '/api/me/password', { ...withToken(ann), body })

  const wrong = await change({ currentPassword: 'a-wrong-password', newPassword: 'another-one' })
  assert.equal(wrong.status, 401)
  assert.equal((await change({ currentPassword: password, newPassword: 'short' })).status, 400)
  assert.equal((await login(password)).status, 200)

  const changed = await change({ currentPassword: password, newPassword: 'another-one' })
  assert.equal(changed.status, 204)
  const refreshed = await system.call('POST', '/api/auth/refresh', {
    body: { refreshToken: ann.refreshToken },
  })
  assert.equal(refreshed.status, 401)
  assert.equal((await login(password)).status, 401)
  assert.equal((await login('another-one')).status, 200)
})

test('of two changes of one password at once, one wins', async (t) => {
  const system = await startTestSystem(t, { workers: 0 })
  const ann = await register(system)
  const answers = await Promise.all(
    ['the-first-one', 'the-second-one'].map((newPassword) =>
      system.call('PUT', '/api/me/password', {
        ...withToken(ann),
        body: { currentPassword: password, newPassword },
      }),
    ),
  )
  assert.deepEqual(answers.map(({ status }) => status).sort(), [204, 401])
})

test('an erased account leaves orders without a name, gives its hold back, and frees its email', async (t) => {
  const system = await startTestSystem(t)
  const ann = await register(system)
  const sku = await system.addSku({ units: 3 })
  const placed = await system.place(ann.user.id, [{ sku, quantity: 2 }], { wait: 10 })
  assert.equal(placed.status, 201)

  assert.equal((await system.call('DELETE', '/api/me', withToken(ann))).status, 204)
  assert.equal((await system.call('GET', '/api/me', withToken(ann))).status, 401)
  assert.equal((await system.place(ann.user.id, [{ sku, quantity: 1 }])).status, 401)
  const login = { email: ann.user.email, password }
  assert.equal((await system.call('POST', '/api/auth/login', { body: login })).status, 401)
  await system.settledAt(sku, 3)
  const kept = await system.pool.one(sql.type(
    z.object({ email: z.string(), name: z.string(), hash: z.string() }),
  )`
    select email, name, password_hash as hash from accounts where id = ${ann.user.id}`)
  assert.deepEqual(kept, {
    email: `${ann.user.id}@erased.invalid`,
    name: 'Erased account',
    hash: '',
  })
  assert.equal(await countOrders(system.pool, { buyerId: ann.user.id }), 1)
  const again = { ...login, name: 'Ann', role: 'buyer' }
  assert.equal((await system.call('POST', '/api/auth/register', { body: again })).status, 201)
})

test('an erased account leaves no cart, no alert and no destination behind', async (t) => {
  const system = await startTestSystem(t)
  const [ann, bob] = [await register(system), await register(system)]
  const sku = await system.addSku({ units: 3 })
  for (const account of [ann, bob]) {
    const answers = [
      await system.call('POST', '/api/cart/items', {
        ...withToken(account),
        body: { sku, quantity: 1 },
      }),
      await system.call('POST', `/api/skus/${sku}/alerts`, withToken(account)),
      await system.call('POST', '/api/orders', {
        headers: { ...withToken(account).headers, 'idempotency-key': newId() },
        body: { items: [{ sku, quantity: 1 }], shipTo: { latitude: 1, longitude: 2 } },
      }),
    ]
    assert.deepEqual(
      answers.map(({ status }) => status < 300),
      [true, true, true],
      JSON.stringify(answers),
    )
  }
  const left = async ({ user }: SignedIn) => ({
    cart: await system.redis.exists(`{cart:account:${user.id}}`),
    alerts: await system.pool.oneFirst(sql.typeAlias('count')`
      select count(*) as count from stock_alerts where buyer_id = ${user.id}`),
    places: await countDestinations(system.pool, user.id),
  })
  assert.deepEqual(await left(ann), { cart: 1, alerts: 1, places: 1 })

  assert.equal((await system.call('DELETE', '/api/me', withToken(ann))).status, 204)
  await eventually(async () => assert.deepEqual(await left(ann), { cart: 0, alerts: 0, places: 0 }))
  assert.deepEqual(await left(bob), { cart: 1, alerts: 1, places: 1 })
})

test('what an order still on its way says of an erased account is not noted', async (t) => {
  const system = await startTestSystem(t, { own: true })
  const ann = await register(system)
  const sku = await system.addSku({ units: 3 })
  const placed = await system.place(ann.user.id, [{ sku, quantity: 1 }], { wait: 10 })
  assert.equal((await system.call('DELETE', '/api/me', withToken(ann))).status, 204)
  await noteDestination(system.pool, placed.body.id, { latitude: 1, longitude: 2 })
  assert.equal(
    await system.pool.exists(sql.typeAlias('none')`select from order_destinations`),
    false,
  )
})

test('a barred account loses its sessions in every process, its hold and the way in', async (t) => {
  const system = await startTestSystem(t, { apis: 2 })
  const ann = await register(system)
  const sku = await system.addSku({ units: 3 })
  const placed = await system.place(ann.user.id, [{ sku, quantity: 2 }], { wait: 10 })
  assert.equal(placed.status, 201)
  const admin = { buyer: newId(), role: 'admin' as const }
  const path = `/api/users/${ann.user.id}/bar`
  const bar = (reason: string) => system.call('PUT', path, { ...admin, body: { reason } })

  const barred = await bar('Bought with stolen cards')
  assert.equal(barred.status, 200)
  assert.equal((await bar('And resold them')).status, 200)
  for (const url of system.urls) {
    await eventually(async () => {
      const answer = await system.call('GET', '/api/me', { ...withToken(ann), url })
      assert.equal(answer.status, 401)
    })
  }
  const credentials = { email: ann.user.email, password }
  const login = () => system.call('POST', '/api/auth/login', { body: credentials })
  assert.equal((await login()).status, 403)
  const wrong = { email: ann.user.email, password: 'a-wrong-password' }
  assert.equal((await system.call('POST', '/api/auth/login', { body: wrong })).status, 401)
  await system.settledAt(sku, 3)
  const entries = await system.pool.anyFirst(sql.type(z.object({ action: z.string() }))`
    select action from audit_log where subject = ${`account:${ann.user.id}`} order by id`)
  assert.deepEqual(entries, ['account.barred', 'account.barred'])

  assert.equal((await system.call('DELETE', path, admin)).status, 204)
  assert.equal((await login()).status, 200)
})

test('a hold that was on its way when its account was barred is given back as well', async (t) => {
  const system = await startTestSystem(t, { own: true, workers: 0 })
  const ann = await register(system)
  const sku = await system.addSku({ units: 3 })
  await system.startWorker()
  assert.equal((await system.place(ann.user.id, [{ sku, quantity: 1 }], { wait: 10 })).status, 201)
  // As the bar leaves it when the commit comes a moment after it.
  await system.pool.query(sql.typeAlias('none')`
    update accounts set barred_at = now(), barred_reason = 'test', sessions_ended_at = now()
    where id = ${ann.user.id}`)
  await system.settledAt(sku, 3)
})

test('an administrator and an unknown account cannot be barred', async (t) => {
  const system = await startTestSystem(t, { workers: 0 })
  const admin = newId()
  await system.pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    values (${admin}, ${`${admin}@example.com`}, 'Root', 'admin', '-')`)
  const bar = (id: string) =>
    system.call('PUT', `/api/users/${id}/bar`, {
      buyer: newId(),
      role: 'admin',
      body: { reason: 'test' },
    })
  assert.equal((await bar(admin)).status, 409)
  assert.equal((await bar(newId())).status, 404)
  assert.equal((await bar('nobody')).status, 400)
  const me = await system.call('GET', '/api/me', { buyer: admin, role: 'admin' })
  assert.equal(me.status, 200)
})
