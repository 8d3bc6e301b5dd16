/** Scripts that act for the bank, the buyer and whoever sits at the provider's dashboard. */
import { z } from 'zod'
import type { Api } from './api.ts'
import { authenticate, settle } from './charging.ts'
import { disputeReasons } from './complaints.ts'
import { disputeOutcomes, openDispute, settleDispute } from './disputes.ts'
import { closeReview, openReview, warn } from './fraud.ts'
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

const disputeBody = z.strictObject({
  reason: z.enum(disputeReasons).default('fraudulent'),
  inquiry: z.boolean().default(false),
  /** Default: all that was captured. */
  amount: z.int().min(1).optional(),
})
const disputeOutcomeBody = z.strictObject({ outcome: z.enum(disputeOutcomes) })
const warningBody = z.strictObject({ fraudType: z.string().max(60).optional() })
const reviewBody = z.strictObject({
  reason: z.enum(['approved', 'refunded', 'refunded_as_fraud', 'disputed']).default('approved'),
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
  'POST /_sim/payment_intents/*/dispute': ({ api }, { id, body }) => {
    const complaint = parse(disputeBody, body)
    const charge = lastCharge(api, found(api, 'pi', id))
    return changed(api, 'du', (work) => openDispute(api.store, work, charge, complaint))
  },
  'POST /_sim/payment_intents/*/warn': ({ api }, { id, body }) => {
    const { fraudType } = parse(warningBody, body)
    const charge = lastCharge(api, found(api, 'pi', id))
    return changed(api, 'issfr', (work) => warn(work, charge, fraudType))
  },
  'POST /_sim/payment_intents/*/review': ({ api }, { id }) => {
    const before = found(api, 'pi', id)
    const charge = lastCharge(api, before)
    return changed(api, 'prv', (work) => {
      const review = openReview(work, charge)
      work.put({ kind: 'pi', record: { ...before, review: review.id } })
      return review
    })
  },
  'POST /_sim/disputes/*/settle': ({ api }, { id, body }) => {
    const { outcome } = parse(disputeOutcomeBody, body)
    const before = found(api, 'du', id)
    return changed(api, 'du', (work) => settleDispute(api.store, work, before, outcome))
  },
  'POST /_sim/reviews/*/close': ({ api }, { id, body }) => {
    const { reason } = parse(reviewBody, body)
    const before = found(api, 'prv', id)
    return changed(api, 'prv', (work) => closeReview(work, before, reason))
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
