// Which access tokens open a protected route. Each bad one is made by hand and sent through the server.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { startTestApp } from '../../support/app.ts'

const nowSeconds = () => Math.floor(systemClock.now() / 1000)

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

function forge(
  secret: string,
  change: Record<string, unknown> = {},
  header: Record<string, unknown> = { alg: 'HS256', typ: 'JWT' },
): string {
  const claims = {
    sub: newId(),
    role: 'buyer',
    jti: newId(),
    iss: 'sluice',
    aud: 'sluice-api',
    iat: nowSeconds(),
    exp: nowSeconds() + 60,
    ...change,
  }
  const input = `${part(header)}.${part(claims)}`
  return `${input}.${createHmac('sha256', secret).update(input).digest('base64url')}`
}

test('a token of ours opens a protected route and any other does not', async (t) => {
  const { app, config, bearer } = await startTestApp(t, { settings: { BENCH_ROUTES: '1' } })
  const call = (authorization?: string) =>
    app.inject({
      method: 'POST',
      url: '/api/bench/baseline',
      headers: authorization === undefined ? {} : { authorization },
      payload: {},
    })
  const secret = config.JWT_SECRET

  await t.test('one that was issued', async () => {
    assert.equal((await call(bearer().authorization)).statusCode, 200)
    assert.equal((await call(bearer().authorization.replace('Bearer', 'bearer'))).statusCode, 200)
  })
  await t.test('one that is made by the same rules', async () => {
    assert.equal((await call(`Bearer ${forge(secret)}`)).statusCode, 200)
  })

  const unsigned = `${part({ alg: 'none', typ: 'JWT' })}.${forge(secret).split('.')[1]}.`
  const good = forge(secret)
  const bad: Record<string, string | undefined> = {
    'no header': undefined,
    'no token': 'Bearer ',
    'another scheme': `Basic ${good}`,
    garbage: 'Bearer garbage',
    'garbage in three parts': 'Bearer a.b.c',
    'algorithm none': `Bearer ${unsigned}`,
    'algorithm none with a signature': `Bearer ${forge(secret, {}, { alg: 'none' })}`,
    'algorithm HS512 in the header': `Bearer ${forge(secret, {}, { alg: 'HS512', typ: 'JWT' })}`,
    'another secret': `Bearer ${forge('another-secret-of-more-than-32-characters')}`,
    'another issuer': `Bearer ${forge(secret, { iss: 'elsewhere' })}`,
    'another audience': `Bearer ${forge(secret, { aud: 'other-api' })}`,
    'no issuer': `Bearer ${forge(secret, { iss: undefined })}`,
    'no audience': `Bearer ${forge(secret, { aud: undefined })}`,
    'no expiry': `Bearer ${forge(secret, { exp: undefined })}`,
    expired: `Bearer ${forge(secret, { iat: nowSeconds() - 120, exp: nowSeconds() - 1 })}`,
    'expiry that is no number': `Bearer ${forge(secret, { exp: 'never' })}`,
    'unknown role': `Bearer ${forge(secret, { role: 'root' })}`,
    'subject that is no id': `Bearer ${forge(secret, { sub: '1; drop' })}`,
    'a changed claim': `Bearer ${good.split('.')[0]}.${part({ sub: newId(), role: 'admin' })}.${good.split('.')[2]}`,
    'too long': `Bearer ${forge(secret, { pad: 'x'.repeat(2_000) })}`,
  }
  for (const [name, authorization] of Object.entries(bad)) {
    await t.test(`not with ${name}`, async () => {
      const answer = await call(authorization)
      assert.equal(answer.statusCode, 401)
      assert.equal(answer.json().code, 'unauthenticated')
      assert.match(String(answer.headers['www-authenticate']), /^Bearer/)
    })
  }
})
