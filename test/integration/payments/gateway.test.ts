// What comes back over the line to the provider, when it is not what the provider would say.
import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import type { PaymentGateway } from '../../../src/payments/gateway.ts'
import { stripeGateway } from '../../../src/payments/stripe-gateway.ts'

async function gatewayTo(t: TestContext, listener: RequestListener): Promise<PaymentGateway> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const { port } = server.address() as AddressInfo
  return stripeGateway({
    secretKey: 'sk_test_gateway',
    apiBase: `http://127.0.0.1:${port}`,
    clock: systemClock,
  })
}

const options = { timeoutMs: 500 }
const amount = {
  ...{ amount: 100, currency: 'EUR', key: 'key' },
  ...{ buyerId: 'buyer', orderNumber: 7, details: null },
}

function everyCall(gateway: PaymentGateway) {
  return {
    createAndConfirm: gateway.createAndConfirm(
      { ...amount, checkoutId: 'checkout', paymentMethodId: 'pm_card_visa' },
      options,
    ),
    burnKey: gateway.burnKey({ ...amount, checkoutId: 'checkout' }, options),
    findIntents: gateway.findIntents({ checkoutId: 'checkout', aroundMs: 0 }, options),
    confirmIntent: gateway.confirmIntent(
      { intentId: 'pi_1', paymentMethodId: 'pm_card_visa', key: 'key', details: null },
      options,
    ),
    retrieveIntent: gateway.retrieveIntent('pi_1', options),
    cancelIntent: gateway.cancelIntent('pi_1', options),
    createRefund: gateway.createRefund(
      { intentId: 'pi_1', amount: 100, refundId: 'refund', key: 'key' },
      options,
    ),
    listRefunds: gateway.listRefunds('pi_1', options),
  }
}

async function assertUnknown(gateway: PaymentGateway): Promise<void> {
  for (const [name, call] of Object.entries(everyCall(gateway))) {
    assert.equal((await call).tag, 'unknown', name)
  }
}

const answers = {
  'JSON without an error, as of a proxy': [503, '{"message":"Service Unavailable"}'],
  'JSON of something else': [200, '{"object":"balance","id":"pi_1","status":"succeeded"}'],
  null: [200, 'null'],
  'a page': [200, '<html>It works</html>'],
} as const

for (const [what, [status, body]] of Object.entries(answers)) {
  test(`nobody knows what was done after ${what}`, async (t) => {
    const gateway = await gatewayTo(t, (_, response) => {
      response.writeHead(status, { 'content-type': 'application/json' })
      response.end(body)
    })
    await assertUnknown(gateway)
  })
}

test('an answer that comes a byte at a time is waited for no longer than for any other', async (t) => {
  const gateway = await gatewayTo(t, async (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    while (!response.destroyed) {
      response.write(' ')
      await systemClock.sleep(20)
    }
  })
  await assertUnknown(gateway)
})
