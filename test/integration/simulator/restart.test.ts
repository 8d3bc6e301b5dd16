import assert from 'node:assert/strict'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { freePort } from '../../../dev/free-port.ts'
import { startChild } from '../../support/child.ts'
import { eventually } from '../../support/eventually.ts'
import { startReceiver, startTestSimulator, stripeAt } from '../../support/simulator.ts'
import { createTestFolder } from '../../support/stores.ts'

const paying = { amount: 900, currency: 'usd', confirm: true, payment_method: 'pm_card_visa' }

test('a restart keeps payments, refunds and keys', async (t) => {
  const dataDir = createTestFolder(t)
  const first = await startTestSimulator(t, { dataDir })
  const { stripe } = first
  const paid = await stripe.paymentIntents.create(paying, { idempotencyKey: 'k-1' })
  await stripe.refunds.create({ payment_intent: paid.id, amount: 100 })
  const declined = { ...paying, payment_method: 'pm_card_chargeDeclined' }
  await assert.rejects(stripe.paymentIntents.create(declined, { idempotencyKey: 'k-2' }))
  const open = await stripe.paymentIntents.create({ amount: 500, currency: 'usd' })
  await first.stop()
  for (let restart = 0; restart < 2; restart += 1) {
    const next = await startTestSimulator(t, { dataDir })
    const replayed = await next.stripe.paymentIntents.create(paying, { idempotencyKey: 'k-1' })
    assert.deepEqual({ ...replayed }, { ...paid })
    assert.equal(replayed.lastResponse.headers['idempotent-replayed'], 'true')
    await assert.rejects(next.stripe.paymentIntents.create(declined, { idempotencyKey: 'k-2' }), {
      statusCode: 402,
    })
    const { data } = await next.stripe.paymentIntents.list()
    assert.deepEqual(
      data.map(({ id }) => id).filter((id) => id === open.id || id === paid.id),
      [open.id, paid.id],
    )
    assert.equal((await next.stripe.charges.list()).data.length, 2)
    const charge = await next.stripe.charges.retrieve(String(paid.latest_charge))
    assert.equal(charge.amount_refunded, 100)
    await next.stop()
  }
})

test('events that had not arrived are sent after a restart, and the others are not', async (t) => {
  const dataDir = createTestFolder(t)
  const receiver = await startReceiver(t)
  const webhook = { url: receiver.url, secret: 'whsec_of_the_tests' }
  const first = await startTestSimulator(t, { dataDir, webhook })
  await first.stripe.paymentIntents.create(paying)
  await first.script('POST', 'webhooks/deliver')
  await first.script('PUT', 'webhooks', { behaviour: { hold: true } })
  const late = await first.stripe.paymentIntents.create(paying)
  await first.stop()
  assert.equal(receiver.received.length, 2)
  const next = await startTestSimulator(t, { dataDir, webhook })
  await next.script('POST', 'webhooks/deliver')
  const arrived = receiver.received.slice(2).map(({ event }) => Object(event.data.object).id)
  assert.deepEqual(arrived, [late.id, late.id])
})

test('a line that a crash cut short is passed over, a damaged file is not', async (t) => {
  const dataDir = createTestFolder(t)
  const path = join(dataDir, 'simulator.jsonl')
  const first = await startTestSimulator(t, { dataDir })
  const { id } = await first.stripe.paymentIntents.create(paying)
  await first.stop()
  appendFileSync(path, '{"o":[{"kind":"pi","rec')
  const next = await startTestSimulator(t, { dataDir })
  assert.equal((await next.stripe.paymentIntents.retrieve(id)).status, 'succeeded')
  await next.stop()
  writeFileSync(path, `not a line\n${readFileSync(path, 'utf8')}`)
  await assert.rejects(startTestSimulator(t, { dataDir }), { name: 'JournalDamaged' })
})

test('a simulator that is killed forgets nothing that it answered', async (t) => {
  const DATA_DIR = createTestFolder(t)
  const STRIPE_API_BASE = `http://127.0.0.1:${await freePort()}`
  const env = { DATA_DIR, STRIPE_API_BASE, PORT: '1', LOG_LEVEL: 'silent' }
  const stripe = stripeAt(STRIPE_API_BASE)
  const first = startChild(t, 'dev/main.ts', ['stripe'], env)
  await eventually(() => stripe.paymentIntents.list().then(() => true))
  const { id } = await stripe.paymentIntents.create(paying)
  first.process.kill('SIGKILL')
  await first.ended
  const next = startChild(t, 'dev/main.ts', ['stripe'], env)
  const found = await eventually(() => stripe.paymentIntents.retrieve(id))
  assert.equal(found.status, 'succeeded')
  next.process.kill('SIGTERM')
  assert.equal(await next.ended, 0)
  assert.equal(next.said(), '')
})

test('the simulator does not start in production, nor on a port that is taken', async (t) => {
  await assert.rejects(startTestSimulator(t, { environment: 'production' }), {
    name: 'SimulatorRefused',
  })
  const { url } = await startTestSimulator(t)
  await assert.rejects(startTestSimulator(t, { port: Number(new URL(url).port) }), /is taken/)
  const child = startChild(t, 'dev/main.ts', ['stripe'], {
    NODE_ENV: 'production',
    JWT_SECRET: 'a secret of more than thirty-two characters',
    STRIPE_SECRET_KEY: 'sk_live_1',
    STRIPE_WEBHOOK_SECRET: 'whsec_1',
  })
  assert.equal(await child.ended, 1)
  assert.equal(child.said(), 'the payment simulator does not run with NODE_ENV=production\n')
})
