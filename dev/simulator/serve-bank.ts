import type { ServerResponse } from 'node:http'
import type { Address } from './answering.ts'
import type { Api } from './api.ts'
import { clientSecretOf, sendBankPage } from './bank-page.ts'
import { authenticate } from './charging.ts'
import { Form } from './form.ts'
import { changed, refused } from './scripting.ts'

/** The page of the bank, and what the buyer answers there. @throws StripeFailure without the client secret. */
export function serveBank(
  api: Api,
  response: ServerResponse,
  { method, path, query }: Address,
  body: string,
): void {
  const answer = Form.parse(method === 'POST' ? body : query)
  const before = api.store.paymentIntents.get(path.slice('/_sim/bank/'.length))
  if (!before || answer.text('client_secret') !== clientSecretOf(before)) {
    throw refused('No payment is waiting here.', 404)
  }
  if (method !== 'POST') {
    sendBankPage(response, before)
    return
  }
  const outcome = answer.oneOf('outcome', ['succeed', 'fail'])
  if (outcome === undefined) throw refused('outcome must be succeed or fail.')
  if (before.status !== 'requires_action') {
    sendBankPage(response, before, 409)
    return
  }
  let after = before
  changed(api, 'pi', (work) => {
    after = authenticate(api.charging, work, before, outcome).paymentIntent
    return after
  })
  if (!after.returnUrl || !/^https?:/.test(after.returnUrl)) {
    sendBankPage(response, after)
    return
  }
  const back = new URL(after.returnUrl)
  back.searchParams.set('payment_intent', after.id)
  back.searchParams.set('redirect_status', outcome === 'succeed' ? 'succeeded' : 'failed')
  response.writeHead(303, { location: back.href, 'cache-control': 'no-store' })
  response.end()
}
