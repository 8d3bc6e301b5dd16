// Registration, log-in and the account itself, through the server and a real PostgreSQL.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { signedInSchema } from '../../../src/http/schemas/auth.ts'
import { migrate } from '../../../src/platform/postgres/migrate.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { startTestApp, type TestApp } from '../../support/app.ts'
import { eventually } from '../../support/eventually.ts'
import { createTestPostgres } from '../../support/stores.ts'

const ada = { email: 'Ada@Example.com', password: 'correct horse', name: ' Ada ', role: 'buyer' }

const post = ({ app }: TestApp, url: string, payload: object) =>
  app.inject({ method: 'POST', url, payload })

test('a registered account is signed in and can log in', async (t) => {
  const shop = await startTestApp(t)
  const answer = await post(shop, '/api/auth/register', ada)
  assert.equal(answer.statusCode, 201)
  const registered = z.strictObject(signedInSchema.shape).parse(answer.json())
  const { id, ...user } = registered.user
  assert.deepEqual(user, { email: 'ada@example.com', name: 'Ada', role: 'buyer' })
  assert.equal(registered.expiresIn, 900)

  const login = await post(shop, '/api/auth/login', {
    email: 'ADA@example.com',
    password: ada.password,
  })
  assert.equal(login.statusCode, 200)
  const session = signedInSchema.parse(login.json())
  assert.equal(session.user.id, id)
  assert.notEqual(session.refreshToken, registered.refreshToken)

  const me = await shop.app.inject({
    url: '/api/me',
    headers: { authorization: `Bearer ${session.accessToken}` },
  })
  assert.deepEqual(me.json(), { user: registered.user })
  assert.equal(me.headers['cache-control'], 'no-store')
})

test('mails come in the language of the browser that opened the account, until its owner chooses', async (t) => {
  const shop = await startTestApp(t)
  const opened = await shop.app.inject({
    method: 'POST',
    url: '/api/auth/register',
    payload: ada,
    headers: { 'accept-language': 'de-AT,de;q=0.9,en;q=0.5' },
  })
  const { accessToken } = signedInSchema.parse(opened.json())
  const prefer = async (payload: object, status = 200) => {
    const answer = await shop.app.inject({
      method: 'PATCH',
      url: '/api/me/mails',
      headers: { authorization: `Bearer ${accessToken}` },
      payload,
    })
    assert.equal(answer.statusCode, status)
    return answer.json()
  }
  assert.deepEqual(await prefer({}), { language: 'de', sales: 'daily' })
  assert.deepEqual(await prefer({ sales: 'each' }), { language: 'de', sales: 'each' })
  assert.deepEqual(await prefer({ language: 'en' }), { language: 'en', sales: 'each' })
  await prefer({ language: 'la' }, 400)
})

test('a wrong password and an unknown email are told alike', async (t) => {
  const shop = await startTestApp(t)
  await post(shop, '/api/auth/register', ada)
  const answers = await Promise.all([
    post(shop, '/api/auth/login', { email: ada.email, password: 'wrong' }),
    post(shop, '/api/auth/login', { email: 'nobody@example.com', password: 'wrong' }),
  ])
  const told = answers.map((answer) => {
    const { requestId: _, ...problem } = answer.json()
    return [answer.statusCode, problem]
  })
  assert.equal(told[0]?.[0], 401)
  assert.deepEqual(told[0], told[1])
})

test('of twenty registrations of one email at once, one wins', async (t) => {
  const shop = await startTestApp(t)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => post(shop, '/api/auth/register', ada)),
  )
  const codes = answers.map((answer) => answer.json().code ?? answer.statusCode)
  assert.equal(codes.filter((code) => code === 201).length, 1)
  assert.equal(codes.filter((code) => code === 'email_taken').length, 19)
  const accounts = await shop.pool.oneFirst(
    sql.typeAlias('count')`select count(*) as count from accounts`,
  )
  assert.equal(accounts, 1)
})

test('passwords and refresh tokens are stored as hashes only', async (t) => {
  const shop = await startTestApp(t)
  const { refreshToken } = signedInSchema.parse(
    (await post(shop, '/api/auth/register', ada)).json(),
  )
  const stored = await shop.pool.oneFirst(
    sql.type(z.object({ password_hash: z.string() }))`select password_hash from accounts`,
  )
  assert.match(stored, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
  const found = await shop.pool.oneFirst(sql.typeAlias('count')`
    select count(*) as count from refresh_tokens
    where token_hash = sha256(convert_to(${refreshToken}, 'UTF8'))
  `)
  assert.equal(found, 1)
})

test('a token of an account that is gone finds nobody', async (t) => {
  const { app, bearer } = await startTestApp(t)
  const answer = await app.inject({ url: '/api/me', headers: bearer() })
  assert.equal(answer.statusCode, 401)
})

test('a database that is away is overloaded, not broken, and comes back', async (t) => {
  const postgres = await createTestPostgres(t)
  await migrate(postgres.url, () => {})
  const shop = await startTestApp(t, { databaseUrl: postgres.url })
  await post(shop, '/api/auth/register', ada)
  const login = () => post(shop, '/api/auth/login', { email: ada.email, password: ada.password })
  await postgres.kill('SIGKILL')
  for (let i = 0; i < 3; i += 1) {
    const answer = await login()
    assert.equal(answer.statusCode, 503, answer.body)
    assert.equal(answer.json().code, 'overloaded')
    assert.equal(answer.headers['retry-after'], '1')
  }
  await postgres.restart()
  await eventually(async () => assert.equal((await login()).statusCode, 200))
})
