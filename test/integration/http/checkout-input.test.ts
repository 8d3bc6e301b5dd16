// What the checkout API says to input it cannot take, and that such input leaves no trace: the gate, the
// ledger and every table are compared before and after.
import assert from 'node:assert/strict'
import { createHmac } from 'node:crypto'
import { test } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { type CallOptions, startTestSystem } from '../../support/system.ts'

const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

function forged(secret: string, change: Record<string, unknown>, alg = 'HS256'): string {
  const now = Math.floor(systemClock.now() / 1000)
  const claims = { sub: newId(), role: 'buyer', jti: newId(), iss: 'sluice', aud: 'sluice-api' }
  const input = `${part({ alg, typ: 'JWT' })}.${part({ ...claims, iat: now, exp: now + 60, ...change })}`
  const signature = createHmac('sha256', secret).update(input).digest('base64url')
  return `Bearer ${input}.${alg === 'none' ? '' : signature}`
}

test('bad input is refused by name and leaves no trace', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 100, limit: 50 })
  const buyer = newId()
  const key = newId()
  assert.equal((await shop.place(buyer, [{ sku, quantity: 1 }], { key, wait: 10 })).status, 201)
  await shop.settledAt(sku, 99)
  const before = await shop.traces(sku)

  const line = { sku, quantity: 1 }
  const items = (...lines: unknown[]): CallOptions => ({ body: { items: lines } })
  const quantity = (value: unknown) => items({ sku, quantity: value })
  const keyed = (value: string): CallOptions => ({
    body: { items: [line] },
    headers: { 'idempotency-key': value },
  })
  const token = (authorization: string): CallOptions => ({
    body: { items: [line] },
    headers: { authorization },
  })
  const secret = shop.config.JWT_SECRET
  const invalid = [400, 'validation_failed'] as const
  const cases: Record<string, readonly [CallOptions, number, string, path?: string]> = {
    'an unknown SKU': [items({ sku: 'NOT-THERE', quantity: 1 }), 404, 'not_found'],
    'an unknown SKU among known ones': [
      items(line, { sku: 'NOT-THERE', quantity: 1 }),
      404,
      'not_found',
    ],
    'a SKU with a space': [items({ sku: 'A B', quantity: 1 }), ...invalid, 'items.0.sku'],
    'a SKU of 65 characters': [
      items({ sku: 'A'.repeat(65), quantity: 1 }),
      ...invalid,
      'items.0.sku',
    ],
    'an empty SKU': [items({ sku: '', quantity: 1 }), ...invalid, 'items.0.sku'],
    'a SKU that is a number': [items({ sku: 7, quantity: 1 }), ...invalid, 'items.0.sku'],
    'quantity 0': [quantity(0), ...invalid, 'items.0.quantity'],
    'quantity −1': [quantity(-1), ...invalid, 'items.0.quantity'],
    'quantity 1.5': [quantity(1.5), ...invalid, 'items.0.quantity'],
    'quantity 10^9': [quantity(1e9), ...invalid, 'items.0.quantity'],
    'quantity 10^400': [
      { raw: `{"items":[{"sku":"${sku}","quantity":1e400}]}` },
      ...invalid,
      'items.0.quantity',
    ],
    'quantity as text': [quantity('1'), ...invalid, 'items.0.quantity'],
    'quantity null': [quantity(null), ...invalid, 'items.0.quantity'],
    'no quantity': [items({ sku }), ...invalid, 'items.0.quantity'],
    'a price of the buyer’s own': [items({ ...line, price: 1 }), ...invalid, 'items.0.price'],
    'a buyer of the buyer’s own': [
      { body: { items: [line], buyerId: newId() } },
      ...invalid,
      'buyerId',
    ],
    'an empty list': [items(), ...invalid, 'items'],
    'a list of 1,000 lines': [items(...Array(1_000).fill(line)), ...invalid, 'items'],
    'a list of 51 lines': [items(...Array(51).fill(line)), ...invalid, 'items'],
    'items that are no list': [{ body: { items: line } }, ...invalid, 'items'],
    'no items': [{ body: {} }, ...invalid, 'items'],
    'a body that is a list': [{ body: [line] }, ...invalid],
    'a body that is null': [{ raw: 'null' }, ...invalid],
    'no body': [{}, ...invalid],
    'broken JSON': [{ raw: '{"items":[' }, ...invalid],
    'a __proto__ member': [{ raw: '{"__proto__":{"items":[]},"items":[]}' }, ...invalid],
    'a body of 2 MB': [{ raw: `{"items":"${'x'.repeat(2e6)}"}` }, 413, 'payload_too_large'],
    'plain text': [
      { raw: 'one, please', headers: { 'content-type': 'text/plain' } },
      415,
      'unsupported_media_type',
    ],
    'a form': [
      { raw: 'sku=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      415,
      'unsupported_media_type',
    ],
    'an empty Idempotency-Key': [
      { body: { items: [line] }, headers: { 'idempotency-key': '' } },
      400,
      'idempotency_key_missing',
    ],
    'a key of 256 characters': [keyed('k'.repeat(256)), ...invalid, 'Idempotency-Key'],
    'a key with a space inside': [keyed('a b'), ...invalid, 'Idempotency-Key'],
    'a key with a tab inside': [keyed('a\tb'), ...invalid, 'Idempotency-Key'],
    'a key with a no-break space': [keyed('a\u00a0b'), ...invalid, 'Idempotency-Key'],
    'a key beyond ASCII': [keyed('caf\u00e9'), ...invalid, 'Idempotency-Key'],
    'the key of another body': [
      { body: { items: [{ sku, quantity: 2 }] }, headers: { 'idempotency-key': key } },
      422,
      'idempotency_key_reused',
    ],
    'more than the limit': [quantity(51), 409, 'purchase_limit'],
    'no token': [token(''), 401, 'unauthenticated'],
    'a token of another installation': [token(forged('x'.repeat(40), {})), 401, 'unauthenticated'],
    'a token of another issuer': [
      token(forged(secret, { iss: 'elsewhere' })),
      401,
      'unauthenticated',
    ],
    'an expired token': [
      token(forged(secret, { exp: Math.floor(systemClock.now() / 1000) - 1 })),
      401,
      'unauthenticated',
    ],
    'a token that says alg none': [token(forged(secret, {}, 'none')), 401, 'unauthenticated'],
    'a seller’s token': [{ ...items(line), role: 'seller' }, 403, 'forbidden'],
    'an admin’s token': [{ ...items(line), role: 'admin' }, 403, 'forbidden'],
  }
  for (const [name, [options, status, code, path]] of Object.entries(cases)) {
    await t.test(name, async () => {
      const answer = await shop.call('POST', '/api/checkouts', {
        buyer,
        ...options,
        headers: { 'idempotency-key': newId(), ...options.headers },
      })
      assert.equal(answer.status, status, JSON.stringify(answer.body))
      assert.equal(answer.body.code, code)
      assert.equal(answer.body.status, status)
      assert.match(answer.headers.get('content-type') ?? '', /^application\/problem\+json/)
      if (path !== undefined)
        assert.deepEqual(
          answer.body.errors.map((each) => each.path),
          [path],
        )
      assert.deepEqual(await shop.traces(sku), before)
    })
  }
  await t.test('no Idempotency-Key', async () => {
    const answer = await shop.call('POST', '/api/checkouts', { buyer, body: { items: [line] } })
    assert.equal(answer.status, 400)
    assert.equal(answer.body.code, 'idempotency_key_missing')
    assert.deepEqual(await shop.traces(sku), before)
  })
})

test('a key of 255 visible characters is taken, and a body of 50 lines', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku({ units: 100 })
  const answer = await shop.place(newId(), Array(50).fill({ sku, quantity: 1 }), {
    key: `!~${'k'.repeat(253)}`,
    wait: 10,
  })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  assert.deepEqual(answer.body.items, [{ sku, quantity: 50 }])
})

test('an id that is none of the buyer’s is not found, whoever made it', async (t) => {
  const shop = await startTestSystem(t)
  const sku = await shop.addSku()
  const [owner, stranger] = [newId(), newId()]
  const { body } = await shop.place(owner, [{ sku, quantity: 1 }], { wait: 10 })
  await shop.settledAt(sku, 9)
  const before = await shop.traces(sku)
  for (const id of [body.id, newId(), 'nothing', '1;drop', body.id.toUpperCase()]) {
    for (const method of ['GET', 'DELETE']) {
      const answer = await shop.call(method, `/api/checkouts/${id}`, { buyer: stranger })
      assert.equal(answer.status, 404, `${method} ${id}`)
      assert.equal(answer.body.code, 'not_found')
    }
  }
  assert.equal((await shop.call('GET', `/api/checkouts/${body.id}`)).status, 401)
  assert.deepEqual(await shop.traces(sku), before)
  const own = await shop.call('GET', `/api/checkouts/${body.id}`, { buyer: owner })
  assert.equal(own.body.status, 'reserved')
})
