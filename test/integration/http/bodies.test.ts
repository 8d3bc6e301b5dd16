// What the server says to requests it cannot take: each is a problem document with its status and code.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { InjectOptions } from 'fastify'
import { AppError } from '../../../src/kernel/errors.ts'
import { isUuid } from '../../../src/kernel/ids.ts'
import { startTestApp } from '../../support/app.ts'

const json = { 'content-type': 'application/json' }
const account = { email: 'a@example.com', password: 'long-enough', name: 'Ada', role: 'buyer' }
const register = (payload: InjectOptions['payload'], headers = json): InjectOptions => ({
  method: 'POST',
  url: '/api/auth/register',
  headers,
  payload: payload as never,
})

test('a request that cannot be taken is answered with a problem', async (t) => {
  const { app } = await startTestApp(t)
  const cases: [string, InjectOptions, number, string][] = [
    ['broken JSON', register('{"email":'), 400, 'validation_failed'],
    ['an array', register('[]'), 400, 'validation_failed'],
    ['null', register('null'), 400, 'validation_failed'],
    ['no body', register(''), 400, 'validation_failed'],
    ['a __proto__ member', register('{"__proto__":{"role":"admin"}}'), 400, 'validation_failed'],
    ['2 MB', register(`"${'x'.repeat(2_000_000)}"`), 413, 'payload_too_large'],
    [
      'plain text',
      register('hello', { 'content-type': 'text/plain' }),
      415,
      'unsupported_media_type',
    ],
    [
      'a form',
      register('a=b', { 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported_media_type',
    ],
    ['an unknown path', { url: '/api/nothing?secret=1' }, 404, 'not_found'],
    ['another method', { method: 'DELETE', url: '/api/auth/login' }, 405, 'method_not_allowed'],
    ['a broken path', { url: '/api/%zz' }, 400, 'validation_failed'],
    [
      'a URL of 5,000 characters',
      { url: `/health?${'x'.repeat(5_000)}` },
      400,
      'validation_failed',
    ],
    ['the role admin', register({ ...account, role: 'admin' }), 400, 'validation_failed'],
    ['no role', register({ ...account, role: undefined }), 400, 'validation_failed'],
    ['a short password', register({ ...account, password: '1234567' }), 400, 'validation_failed'],
    [
      'a password of 201',
      register({ ...account, password: 'x'.repeat(201) }),
      400,
      'validation_failed',
    ],
    ['an email that is none', register({ ...account, email: 'nobody' }), 400, 'validation_failed'],
    [
      'an email of 260',
      register({ ...account, email: `${'x'.repeat(248)}@example.com` }),
      400,
      'validation_failed',
    ],
    ['a name of spaces', register({ ...account, name: '   ' }), 400, 'validation_failed'],
    [
      'a name with a line break',
      register({ ...account, name: 'Ada\nBcc' }),
      400,
      'validation_failed',
    ],
    [
      'a name that is half a character',
      register({ ...account, name: '\ud800' }),
      400,
      'validation_failed',
    ],
    ['a number for a name', register({ ...account, name: 7 }), 400, 'validation_failed'],
  ]
  for (const [name, request, status, code] of cases) {
    await t.test(name, async () => {
      const answer = await app.inject(request)
      const problem = answer.json()
      assert.equal(answer.statusCode, status, answer.body)
      assert.match(String(answer.headers['content-type']), /^application\/problem\+json/)
      assert.equal(problem.code, code)
      assert.equal(problem.status, status)
      assert.equal(problem.type, `/problems/${code}`)
      assert.ok(problem.title && problem.detail)
      assert.equal(problem.requestId, answer.headers['x-request-id'])
      assert.ok(!problem.instance.includes('?'))
    })
  }
})

test('an input error names where it is', async (t) => {
  const { app } = await startTestApp(t)
  const answer = await app.inject(register({ ...account, email: 'nobody', isAdmin: true }))
  const paths = answer.json().errors.map((error: { path: string }) => error.path)
  assert.deepEqual(paths.sort(), ['email', 'isAdmin'])
})

test('a known path says which methods it takes', async (t) => {
  const { app } = await startTestApp(t)
  const answer = await app.inject({ method: 'POST', url: '/api/me' })
  assert.equal(answer.statusCode, 405)
  assert.equal(answer.headers.allow, 'DELETE, GET, HEAD')
})

test('errors of routes become problems that say no more than they should', async (t) => {
  const { app } = await startTestApp(t, {
    routes: [
      async (scope) => {
        scope.get('/fails/app', async () => {
          throw new AppError('sold_out', 'None left.', {
            members: { sku: 'A' },
            retryAfterSeconds: 2.2,
          })
        })
        scope.get('/fails/unknown', async () => {
          throw new Error('password=hunter2')
        })
        scope.get('/fails/store', async () => {
          throw new Error('wrapped', {
            cause: Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }),
          })
        })
        scope.get('/fails/nothing', async () => {
          throw undefined
        })
      },
    ],
  })
  const soldOut = await app.inject('/fails/app')
  assert.equal(soldOut.statusCode, 409)
  assert.equal(soldOut.json().sku, 'A')
  assert.equal(soldOut.headers['retry-after'], '3')
  const unknown = await app.inject('/fails/unknown')
  assert.equal(unknown.statusCode, 500)
  assert.equal(unknown.json().code, 'internal')
  assert.ok(!unknown.body.includes('hunter2'))
  const store = await app.inject('/fails/store')
  assert.equal(store.statusCode, 503)
  assert.equal(store.json().code, 'overloaded')
  assert.equal(store.headers['retry-after'], '1')
  assert.equal((await app.inject('/fails/nothing')).statusCode, 500)
})

test('every answer carries a request id and the security headers', async (t) => {
  const { app } = await startTestApp(t)
  const own = await app.inject({ url: '/health/live', headers: { 'x-request-id': 'client-id-1' } })
  assert.equal(own.headers['x-request-id'], 'client-id-1')
  for (const bad of ['x', 'a b c d e f g h', 'x'.repeat(200)]) {
    const given = await app.inject({ url: '/health/live', headers: { 'x-request-id': bad } })
    assert.ok(isUuid(String(given.headers['x-request-id'])))
  }
  assert.equal(own.headers['x-content-type-options'], 'nosniff')
  assert.match(String(own.headers['content-security-policy']), /^default-src 'none'/)
  assert.ok(!own.body.includes('upgrade-insecure-requests'))
})

test('pages of listed origins may call, and of no others', async (t) => {
  const preflight = (origin: string): InjectOptions => ({
    method: 'OPTIONS',
    url: '/api/auth/login',
    headers: { origin, 'access-control-request-method': 'POST' },
  })
  const closed = await startTestApp(t)
  const none = await closed.app.inject(preflight('https://shop.example'))
  assert.equal(none.headers['access-control-allow-origin'], undefined)
  const open = await startTestApp(t, { settings: { CORS_ORIGINS: 'https://shop.example' } })
  const listed = await open.app.inject(preflight('https://shop.example'))
  assert.equal(listed.statusCode, 204)
  assert.equal(listed.headers['access-control-allow-origin'], 'https://shop.example')
  const other = await open.app.inject(preflight('https://evil.example'))
  assert.notEqual(other.headers['access-control-allow-origin'], 'https://evil.example')
})
