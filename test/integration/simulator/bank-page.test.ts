import assert from 'node:assert/strict'
import test from 'node:test'
import { startTestSimulator } from '../../support/simulator.ts'

const asking = {
  amount: 1999,
  currency: 'usd',
  confirm: true,
  payment_method: 'pm_card_authenticationRequired',
}

test('the buyer approves on the page of the bank and is sent back to the shop', async (t) => {
  const { stripe } = await startTestSimulator(t)
  const intent = await stripe.paymentIntents.create({
    ...asking,
    return_url: 'http://127.0.0.1/back?order=1',
  })
  const page = intent.next_action?.redirect_to_url?.url ?? ''
  const html = await (await fetch(page)).text()
  assert.match(html, /\$19\.99/)
  const body = new URLSearchParams({
    client_secret: intent.client_secret ?? '',
    outcome: 'succeed',
  })
  const answer = await fetch(page, { method: 'POST', body, redirect: 'manual' })
  assert.equal(answer.status, 303)
  const back = new URL(answer.headers.get('location') ?? '')
  assert.equal(back.searchParams.get('order'), '1')
  assert.equal(back.searchParams.get('payment_intent'), intent.id)
  assert.equal((await stripe.paymentIntents.retrieve(intent.id)).status, 'succeeded')
  const again = await fetch(page, { method: 'POST', body, redirect: 'manual' })
  assert.equal(again.status, 409)
})

test('the page of the bank is for those who have the client secret', async (t) => {
  const { url, stripe } = await startTestSimulator(t)
  const { id } = await stripe.paymentIntents.create(asking)
  const page = `${url}/_sim/bank/${id}`
  assert.equal((await fetch(page)).status, 404)
  const body = new URLSearchParams({ client_secret: `${id}_secret_guess`, outcome: 'succeed' })
  assert.equal((await fetch(page, { method: 'POST', body })).status, 404)
  assert.equal((await stripe.paymentIntents.retrieve(id)).status, 'requires_action')
})
