// Refresh tokens: each works once, and a copy that turns up ends the session, in any interleaving.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'

const post = (shop: TestApp, path: string, payload: object) =>
  shop.app.inject({ method: 'POST', url: `/api/auth/${path}`, payload })

async function signIn(shop: TestApp, email = 'ada@example.com'): Promise<string> {
  const body = { email, password: 'correct horse', name: 'Ada', role: 'seller' }
  return (await post(shop, 'register', body)).json().refreshToken
}

test('a refresh token is exchanged for a new pair', async (t) => {
  const shop = await startTestApp(t)
  const first = await signIn(shop)
  const answer = await post(shop, 'refresh', { refreshToken: first })
  assert.equal(answer.statusCode, 200)
  const { refreshToken, accessToken, user, expiresIn } = answer.json()
  assert.equal(user.role, 'seller')
  assert.equal(expiresIn, 900)
  assert.notEqual(refreshToken, first)
  const me = await shop.app.inject({
    url: '/api/me',
    headers: { authorization: `Bearer ${accessToken}` },
  })
  assert.equal(me.statusCode, 200)
})

test('a refresh token that comes twice ends its session and no other', async (t) => {
  const shop = await startTestApp(t)
  const first = await signIn(shop)
  const other = await post(shop, 'login', { email: 'ada@example.com', password: 'correct horse' })
  const second = (await post(shop, 'refresh', { refreshToken: first })).json().refreshToken
  const again = await post(shop, 'refresh', { refreshToken: first })
  assert.equal(again.statusCode, 401)
  assert.equal(again.json().code, 'unauthenticated')
  assert.equal((await post(shop, 'refresh', { refreshToken: second })).statusCode, 401)
  const { refreshToken } = other.json()
  assert.equal((await post(shop, 'refresh', { refreshToken })).statusCode, 200)
})

test('one token used ten times at once leaves no working token behind', async (t) => {
  const shop = await startTestApp(t)
  const refreshToken = await signIn(shop)
  const answers = await Promise.all(
    Array.from({ length: 10 }, () => post(shop, 'refresh', { refreshToken })),
  )
  assert.equal(answers.filter((answer) => answer.statusCode === 200).length, 1)
  const alive = await shop.pool.oneFirst(sql.typeAlias('count')`
    select count(*) as count from refresh_tokens where revoked_at is null and used_at is null
  `)
  assert.equal(alive, 0)
})

test('a copy that races with its successor leaves no working token behind', async (t) => {
  const shop = await startTestApp(t)
  for (let round = 0; round < 10; round += 1) {
    const first = await signIn(shop, `ada${round}@example.com`)
    const second = (await post(shop, 'refresh', { refreshToken: first })).json().refreshToken
    await Promise.all([
      post(shop, 'refresh', { refreshToken: second }),
      post(shop, 'refresh', { refreshToken: first }),
    ])
  }
  const alive = await shop.pool.oneFirst(sql.typeAlias('count')`
    select count(*) as count from refresh_tokens where revoked_at is null and used_at is null
  `)
  assert.equal(alive, 0)
})

test('log-out ends a session, and an unknown token is no error', async (t) => {
  const shop = await startTestApp(t)
  const refreshToken = await signIn(shop)
  assert.equal((await post(shop, 'logout', { refreshToken })).statusCode, 204)
  assert.equal((await post(shop, 'logout', { refreshToken })).statusCode, 204)
  assert.equal((await post(shop, 'logout', { refreshToken: 'unknown' })).statusCode, 204)
  assert.equal((await post(shop, 'refresh', { refreshToken })).statusCode, 401)
  assert.equal((await post(shop, 'refresh', { refreshToken: 'unknown' })).statusCode, 401)
})

test('an expired refresh token does not work and is forgotten at the next log-in', async (t) => {
  const shop = await startTestApp(t)
  const refreshToken = await signIn(shop)
  await shop.pool.query(
    sql.typeAlias('none')`update refresh_tokens set expires_at = now() - interval '1 second'`,
  )
  assert.equal((await post(shop, 'refresh', { refreshToken })).statusCode, 401)
  await post(shop, 'login', { email: 'ada@example.com', password: 'correct horse' })
  const left = await shop.pool.oneFirst(
    sql.typeAlias('count')`select count(*) as count from refresh_tokens`,
  )
  assert.equal(left, 1)
})
