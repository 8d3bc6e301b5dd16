// The provider's events over HTTP: who is believed, what is stored, and what an operator sees and replays.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { z } from 'zod'
import { opsOutboxRoutes } from '../../../src/http/routes/ops-outbox.ts'
import { opsWebhookRoutes } from '../../../src/http/routes/ops-webhooks.ts'
import { webhookRoutes } from '../../../src/http/routes/webhooks.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { WebhookInbox } from '../../../src/payments/webhook-inbox.ts'
import { createWebhookVerifier } from '../../../src/payments/webhook-signature.ts'
import { appendOutbox } from '../../../src/platform/outbox.ts'
import { openPool, sql } from '../../../src/platform/postgres/pool.ts'
import { startTestApp } from '../../support/app.ts'
import { createTestDatabase } from '../../support/stores.ts'
import { anEvent, signatureOf, webhookSecret } from '../../support/webhooks.ts'

async function startInbox(t: TestContext, secrets = webhookSecret) {
  const databaseUrl = await createTestDatabase(t)
  const pool = await openPool(databaseUrl, { max: 4, statementTimeoutMs: 5_000, onError: () => {} })
  t.after(() => pool.end())
  const routes = [
    webhookRoutes({
      inbox: new WebhookInbox(pool, systemClock),
      verify: createWebhookVerifier(secrets),
    }),
    opsWebhookRoutes({ pool }),
    opsOutboxRoutes({ pool }),
  ]
  const { app, bearer } = await startTestApp(t, { databaseUrl, routes })
  return {
    app,
    pool,
    bearer,
    post: (body: string | Buffer, signature?: string) =>
      app.inject({
        method: 'POST',
        url: '/webhooks/stripe',
        headers: {
          'content-type': 'application/json; charset=utf-8',
          ...(signature === undefined ? {} : { 'stripe-signature': signature }),
        },
        payload: body,
      }),
    stored: () =>
      pool.any(
        sql.type(z.object({ id: z.string(), type: z.string(), state: z.string() }))`
          select id, type, state from webhook_events order by id`,
      ),
  }
}

const now = () => Math.floor(Date.now() / 1000)

test('an event with a good signature is stored and answered', async (t) => {
  const { post, stored } = await startInbox(t)
  const { id, body } = anEvent()
  const answer = await post(body, signatureOf(body))
  assert.equal(answer.statusCode, 200)
  assert.deepEqual(answer.json(), { received: true })
  assert.deepEqual(await stored(), [{ id, type: 'payment_intent.succeeded', state: 'stored' }])
})

test('an event of a type that nobody handles is stored as ignored', async (t) => {
  const { post, stored } = await startInbox(t)
  const { body } = anEvent('customer.created')
  assert.equal((await post(body, signatureOf(body))).statusCode, 200)
  assert.deepEqual(
    (await stored()).map(({ state }) => state),
    ['ignored'],
  )
})

test('a signature that is wrong, old, missing, malformed or over other bytes is refused', async (t) => {
  const { post, stored } = await startInbox(t)
  const { body } = anEvent()
  const good = signatureOf(body)
  const refused: [string, string | Buffer, string | undefined][] = [
    ['wrong', body, signatureOf(body, { secret: 'whsec_of_somebody_else' })],
    ['old', body, signatureOf(body, { timestamp: now() - 301 })],
    ['missing', body, undefined],
    ['empty', body, ''],
    ['malformed', body, 't=1,v1'],
    ['without a scheme we know', body, good.replace('v1=', 'v0=')],
    [
      'over a body that was parsed and written again',
      JSON.stringify(JSON.parse(body), null, 2),
      good,
    ],
    ['over a body that lost a byte', body.slice(0, -1), good],
    ['over no body', '', good],
  ]
  for (const [what, sent, signature] of refused) {
    const answer = await post(sent, signature)
    assert.equal(answer.statusCode, 400, what)
    assert.equal(answer.json().code, 'invalid_signature', what)
  }
  assert.deepEqual(await stored(), [])
})

test('a signature stays good for five minutes', async (t) => {
  const { post } = await startInbox(t)
  const { body } = anEvent()
  const answer = await post(body, signatureOf(body, { timestamp: now() - 290 }))
  assert.equal(answer.statusCode, 200)
})

test('while a secret is changed, the old one and the new one are both good', async (t) => {
  const { post } = await startInbox(t, 'whsec_old, whsec_new')
  for (const secret of ['whsec_old', 'whsec_new']) {
    const { body } = anEvent()
    assert.equal((await post(body, signatureOf(body, { secret }))).statusCode, 200, secret)
  }
  const { body } = anEvent()
  assert.equal((await post(body, signatureOf(body))).statusCode, 400)
})

test('a body of a megabyte is taken, a larger one is refused before its signature is looked at', async (t) => {
  const { post } = await startInbox(t)
  const large = anEvent('payment_intent.succeeded', { filler: 'x'.repeat(900_000) })
  assert.equal((await post(large.body, signatureOf(large.body))).statusCode, 200)
  const tooLarge = await post(`{"filler":"${'x'.repeat(1_100_000)}"}`, 'anything')
  assert.equal(tooLarge.statusCode, 413)
  assert.equal(tooLarge.json().code, 'payload_too_large')
})

test('a signed body that is no event is refused', async (t) => {
  const { post, stored } = await startInbox(t)
  for (const body of ['[]', 'null', '{}', '{"id":7,"type":"x"}', 'no JSON']) {
    assert.equal((await post(body, signatureOf(body))).statusCode, 400, body)
  }
  assert.deepEqual(await stored(), [])
})

test('an event that PostgreSQL cannot keep does not keep the others of its batch out', async (t) => {
  const { post, stored } = await startInbox(t)
  const bodies = Array.from({ length: 20 }, (_, i) =>
    anEvent('payment_intent.succeeded', i === 7 ? { description: 'DEEP' } : {}),
  )
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  const answers = await Promise.all(
    bodies.map(({ body }) => {
      const sent = body.replace('"DEEP"', deep)
      return post(sent, signatureOf(sent))
    }),
  )
  const statuses = answers.map(({ statusCode }) => statusCode)
  assert.deepEqual(
    statuses.map((status, i) => (status === 200 ? [] : [i, status])).filter(({ length }) => length),
    [[7, 400]],
  )
  assert.equal((await stored()).length, 19)
})

test('one event id, 20 deliveries in parallel, 50 events: each is stored once and always answered 200', async (t) => {
  const { post, stored } = await startInbox(t)
  const events = Array.from({ length: 50 }, () => anEvent())
  const deliveries = events.flatMap((event) => Array.from({ length: 20 }, () => event))
  const answers = await Promise.all(deliveries.map(({ body }) => post(body, signatureOf(body))))
  assert.ok(answers.every(({ statusCode }) => statusCode === 200))
  assert.equal((await stored()).length, events.length)
})

test('an operator sees parked webhooks page by page and puts them back; nobody else does', async (t) => {
  const { app, pool, bearer, stored } = await startInbox(t)
  await pool.query(sql.typeAlias('none')`
    insert into webhook_events (id, type, payload, state, attempts, last_error)
    select 'evt_' || n, 'payment_intent.succeeded', '{}', 'parked', 8, 'Error: out of order'
      from generate_series(1, 5) as n`)
  const get = (url: string, headers = bearer('admin')) => app.inject({ url, headers })
  assert.equal((await get('/api/ops/webhooks', bearer('buyer'))).statusCode, 403)
  assert.equal((await app.inject('/api/ops/webhooks')).statusCode, 401)
  assert.equal((await get('/api/ops/webhooks?cursor=nonsense')).statusCode, 400)

  const seen: string[] = []
  let cursor: string | null = ''
  while (cursor !== null) {
    const answer = await get(`/api/ops/webhooks?limit=2${cursor && `&cursor=${cursor}`}`)
    assert.equal(answer.statusCode, 200)
    const {
      items,
      nextCursor,
    }: { items: { id: string; lastError: string }[]; nextCursor: string } = answer.json()
    for (const item of items) assert.equal(item.lastError, 'Error: out of order')
    seen.push(...items.map(({ id }) => id))
    cursor = nextCursor
  }
  assert.deepEqual(seen.toSorted(), ['evt_1', 'evt_2', 'evt_3', 'evt_4', 'evt_5'])

  const replay = (id: string, headers = bearer('admin')) =>
    app.inject({ method: 'POST', url: `/api/ops/webhooks/${id}/replay`, headers })
  assert.equal((await replay('evt_1', bearer('seller'))).statusCode, 403)
  assert.equal((await replay('evt_none')).statusCode, 404)
  for (const _ of [1, 2]) {
    const answer = await replay('evt_1')
    assert.equal(answer.statusCode, 202)
    assert.deepEqual(answer.json(), { id: 'evt_1', state: 'stored' })
  }
  assert.equal((await stored()).filter(({ state }) => state === 'parked').length, 4)
})

test('an operator sees events of the outbox that were parked and puts them back', async (t) => {
  const { app, pool, bearer } = await startInbox(t)
  await pool.transaction(async (tx) => {
    await appendOutbox(tx, 'order.paid', 'one')
    await appendOutbox(tx, 'order.paid', 'two')
  })
  await pool.query(sql.typeAlias('none')`
    update outbox set parked_at = now(), attempts = 8, last_error = 'Error: no' where key = 'one'`)
  const headers = bearer('admin')
  const list = await app.inject({ url: '/api/ops/outbox', headers })
  assert.equal(list.statusCode, 200)
  const [parked, ...others] = list.json().items
  assert.deepEqual(others, [])
  assert.equal(parked.key, 'one')
  const replay = (id: number | string) =>
    app.inject({ method: 'POST', url: `/api/ops/outbox/${id}/replay`, headers })
  assert.deepEqual((await replay(parked.id)).json(), { id: parked.id, state: 'open' })
  assert.equal((await replay(999_999)).statusCode, 404)
  assert.equal((await replay('x')).statusCode, 400)
  assert.deepEqual((await app.inject({ url: '/api/ops/outbox', headers })).json().items, [])
})
