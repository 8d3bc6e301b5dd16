/** Scripts that act for the bank, the buyer and whoever sits at the provider's dashboard. */
import { z } from 'zod'
import type { Api } from './api.ts'
import { authenticate, settle } from './charging.ts'
import { summarize, tallyOf } from './inspect.ts'
import type { ChargeRecord, PaymentIntentRecord } from './records.ts'
import { refundCharge, settleRefund } from './refunds.ts'
import { type Action, changed, found, parse, refused } from './scripting.ts'

const outcomeBody = z.strictObject({ outcome: z.enum(['succeed', 'fail']) })
const refundOutcomeBody = z.strictObject({
  outcome: z.enum(['succeed', 'fail', 'require_action']),
  /** Of one that fails; default `unknown`. */
  failureReason: z
    .enum([
      'charge_for_pending_refund_disputed',
      'declined',
      'expired_or_canceled_card',
      'insufficient_funds',
      'lost_or_stolen_card',
      'merchant_request',
      'unknown',
    ])
    .optional(),
})
const refundBody = z.strictObject({
  /** Default: all that is left. */
  amount: z.int().min(1).optional(),
  reason: z.enum(['duplicate', 'fraudulent', 'requested_by_customer']).nullable().default(null),
})

/** By method and address; `*` stands for an id. */
export const objectActions: Readonly<Record<string, Action>> = {
  'GET /_sim/summary': ({ api }, { form }) => summarize(api.store, form.text('by', 100)),
  'GET /_sim/payment_intents/*': ({ api }, { id }) => {
    const record = found(api, 'pi', id)
    return { id, status: record.status, ...tallyOf(api.store, record) }
  },
  'POST /_sim/payment_intents/*/authenticate': ({ api }, { id, body }) => {
    const { outcome } = parse(outcomeBody, body)
    const before = found(api, 'pi', id)
    return changed(api, 'pi', (work) => {
      return authenticate(api.charging, work, before, outcome).paymentIntent
    })
  },
  'POST /_sim/payment_intents/*/settle': ({ api }, { id, body }) => {
    const { outcome } = parse(outcomeBody, body)
    const before = found(api, 'pi', id)
    return changed(api, 'pi', (work) => settle(api, work, before, outcome))
  },
  'POST /_sim/payment_intents/*/refund': ({ api }, { id, body }) => {
    const order = { ...parse(refundBody, body), metadata: {} }
    const charge = lastCharge(api, found(api, 'pi', id))
    return changed(api, 're', (work) => refundCharge(api.refunding, work, charge, order))
  },
  'POST /_sim/refunds/*/settle': ({ api }, { id, body }) => {
    const outcome = parse(refundOutcomeBody, body)
    const before = found(api, 're', id)
    return changed(api, 're', (work) => settleRefund(api, work, before, outcome))
  },
}

function lastCharge({ store }: Api, { id, charges }: PaymentIntentRecord): ChargeRecord {
  const charge = store.charges.get(charges.at(-1) ?? '')
  if (!charge) throw refused(`${id} has no charge.`)
  return charge
}
