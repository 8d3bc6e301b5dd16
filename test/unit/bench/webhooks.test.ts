/** The events that the load generator makes are what the provider would send. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { webhookMaker } from '../../../bench/load/webhook-requests.ts'
import { createWebhookVerifier } from '../../../src/payments/webhook-signature.ts'

const job = {
  url: 'http://127.0.0.1:1',
  path: '/webhooks/stripe',
  tokens: ['none'],
  body: '{"id":"%ID%","type":"payment_intent.succeeded"}',
  headers: {},
  connections: 1,
  durationMs: 1,
  kind: 'webhooks',
  webhookSecret: 'whsec_bench',
} as const

test('each event has an id of its own and a signature that the shop believes', () => {
  const next = webhookMaker(job)
  const verify = createWebhookVerifier('whsec_bench')
  const ids = Array.from({ length: 10 }, () => {
    const { body, headers } = next()
    return verify(Buffer.from(body), headers['stripe-signature'])?.id
  })
  assert.ok(ids.every((id) => id?.startsWith('evt_bench_')))
  assert.equal(new Set(ids).size, 10)
})
