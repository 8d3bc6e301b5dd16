/** Disputes: the bank asks for the buyer's money back, or asks whether it should. */
import type { Complaint } from './complaints.ts'
import { badParameter, StripeFailure } from './failure.ts'
import type { Form } from './form.ts'
import { disputeOfFraud } from './fraud.ts'
import { limits } from './limits.ts'
import { disputeCloseParams, disputeParams } from './parameters.ts'
import type { ChargeRecord, DisputeRecord } from './records.ts'
import { evidenceNames } from './render-dispute.ts'
import type { Store, Work } from './store.ts'
import { newStripeId } from './stripe-ids.ts'

/** The evidence that decides a dispute in test mode, in `evidence[uncategorized_text]`. */
const decisiveTexts: Readonly<Record<string, DisputeOutcome>> = {
  winning_evidence: 'win',
  losing_evidence: 'lose',
  escalate_inquiry_evidence: 'escalate',
}

/** Opens a dispute about a captured charge; a chargeback takes the money at once. @throws StripeFailure */
export function openDispute(
  store: Store,
  work: Work,
  charge: ChargeRecord,
  { reason, inquiry, amount = charge.amountCaptured }: Complaint,
): DisputeRecord {
  const { disputes = [] } = charge
  if (
    !charge.captured ||
    amount > charge.amountCaptured ||
    disputes.length >= limits.disputesOfOne
  ) {
    throw badParameter('amount', `Charge ${charge.id} cannot be disputed for ${amount}.`)
  }
  const record: DisputeRecord = {
    id: newStripeId('du'),
    created: work.now,
    charge: charge.id,
    paymentIntent: charge.paymentIntent,
    paymentMethod: charge.paymentMethod,
    amount,
    currency: charge.currency,
    reason,
    status: inquiry ? 'warning_needs_response' : 'needs_response',
    inquiry,
    evidence: {},
    submissions: 0,
    dueBy: work.now + limits.disputeDays * 86_400,
    metadata: {},
    movements: inquiry ? [] : [movement(work, -amount)],
  }
  work.put({ kind: 'du', record })
  work.put({ kind: 'ch', record: { ...charge, disputes: [...disputes, record.id] } })
  work.emit('charge.dispute.created', { kind: 'du', record })
  if (!inquiry) {
    work.emit('charge.dispute.funds_withdrawn', { kind: 'du', record })
    disputeOfFraud(store, work, charge)
  }
  return record
}

/** Takes evidence, and hands it in unless `submit=false`. @throws StripeFailure for a dispute that has ended. */
export function updateDispute(
  store: Store,
  work: Work,
  before: DisputeRecord,
  form: Form,
): DisputeRecord {
  form.onlyKnows(disputeParams)
  const given = form.group('evidence')
  const strange = Object.keys(given).find((name) => !evidenceNames.has(name))
  if (strange !== undefined) {
    const param = `evidence[${strange.slice(0, 100)}]`
    throw badParameter(param, `Received unknown parameter: ${param}`, 'parameter_unknown')
  }
  if (hasEnded(before)) throw ended(before)
  const evidence = { ...before.evidence, ...given }
  const submitted = Object.keys(given).length > 0 && form.text('submit') !== 'false'
  const metadata = form.metadataOver(before.metadata)
  const after = change(work, before, {
    ...before,
    evidence,
    metadata,
    ...(submitted
      ? {
          submissions: before.submissions + 1,
          status: before.inquiry ? 'warning_under_review' : 'under_review',
        }
      : {}),
  })
  const decided = submitted ? decisiveTexts[evidence.uncategorized_text ?? ''] : undefined
  return decided ? settleDispute(store, work, after, decided) : after
}

/** The shop gives in. @throws StripeFailure for a dispute that has ended. */
export function closeDispute(
  store: Store,
  work: Work,
  before: DisputeRecord,
  form: Form,
): DisputeRecord {
  form.onlyKnows(disputeCloseParams)
  return settleDispute(store, work, before, before.inquiry ? 'close' : 'lose')
}

export const disputeOutcomes = ['win', 'lose', 'close', 'escalate'] as const
export type DisputeOutcome = (typeof disputeOutcomes)[number]

/**
 * What the bank decides. `close` ends a question without more; `escalate` makes it a chargeback.
 * @throws StripeFailure for a dispute that has ended, or that the outcome does not fit.
 */
export function settleDispute(
  store: Store,
  work: Work,
  before: DisputeRecord,
  outcome: DisputeOutcome,
): DisputeRecord {
  if (hasEnded(before)) throw ended(before)
  if (before.inquiry) return settleInquiry(store, work, before, outcome)
  if (outcome === 'lose' || outcome === 'close') return end(work, { ...before, status: 'lost' })
  if (outcome !== 'win') throw badParameter('outcome', 'This dispute is no inquiry.')
  const movements = [...before.movements, movement(work, before.amount)]
  const record = end(work, { ...before, status: 'won', movements })
  work.emit('charge.dispute.funds_reinstated', { kind: 'du', record })
  return record
}

function settleInquiry(
  store: Store,
  work: Work,
  before: DisputeRecord,
  outcome: DisputeOutcome,
): DisputeRecord {
  if (outcome === 'lose')
    throw badParameter('outcome', 'An inquiry is escalated before it is lost.')
  if (outcome !== 'escalate') return end(work, { ...before, status: 'warning_closed' })
  const record = change(work, before, {
    ...before,
    inquiry: false,
    status: 'needs_response',
    movements: [movement(work, -before.amount)],
  })
  work.emit('charge.dispute.funds_withdrawn', { kind: 'du', record })
  const charge = store.charges.get(before.charge)
  if (charge) disputeOfFraud(store, work, charge)
  return record
}

function change(work: Work, before: DisputeRecord, record: DisputeRecord): DisputeRecord {
  work.put({ kind: 'du', record })
  work.emit('charge.dispute.updated', { kind: 'du', record }, { kind: 'du', record: before })
  return record
}

function end(work: Work, record: DisputeRecord): DisputeRecord {
  work.put({ kind: 'du', record })
  work.emit('charge.dispute.closed', { kind: 'du', record })
  return record
}

function movement(work: Work, amount: number): DisputeRecord['movements'][number] {
  return { id: newStripeId('txn'), at: work.now, amount }
}

function hasEnded({ status }: DisputeRecord): boolean {
  return ['won', 'lost', 'warning_closed'].includes(status)
}

function ended({ status }: DisputeRecord): StripeFailure {
  return new StripeFailure(
    400,
    {
      type: 'invalid_request_error',
      message: `This dispute is already closed: its status is ${status}.`,
    },
    { stored: true },
  )
}
