/** Writes records out as the objects of Stripe's API version 2026-10-28.endive. */
import { changedMembers } from './changed-members.ts'
import type { Answer, EventRecord, Kind, Records, Snapshot } from './records.ts'
import { renderCharge } from './render-charge.ts'
import { renderDispute } from './render-dispute.ts'
import { renderPaymentIntent, renderPaymentMethod } from './render-intent.ts'
import { renderCustomer, renderRefund, renderReview, renderWarning } from './render-others.ts'

export const apiVersion = '2026-10-28.endive'

const renderers: { readonly [K in Kind]: (record: Records[K]) => object } = {
  pi: renderPaymentIntent,
  ch: renderCharge,
  re: renderRefund,
  du: renderDispute,
  issfr: renderWarning,
  prv: renderReview,
  cus: renderCustomer,
}

/** The JSON of an answer; equal for equal answers. */
export function renderAnswer(answer: Answer): string {
  const { error, object, expanded, methodShown } = answer
  if (!error) return JSON.stringify(object ? renderSnapshot(object, expanded, methodShown) : {})
  const about =
    object?.kind === 'pi'
      ? {
          payment_intent: renderPaymentIntent(object.record),
          ...(error.type === 'card_error' && object.record.lastError
            ? { payment_method: renderPaymentMethod(object.record.lastError, object.record) }
            : {}),
        }
      : {}
  return JSON.stringify({ error: { ...error, ...about } })
}

/** Writes an object out, with each of `expanded`, and perhaps the payment method, in the place of its id. */
export function renderSnapshot(
  object: Snapshot,
  expanded: readonly Snapshot[] = [],
  methodShown = false,
): object {
  const method = methodShown && object.kind === 'pi' ? object.record.paymentMethod : null
  const plain = renderPlain(object)
  const written = method
    ? { ...plain, payment_method: renderPaymentMethod({ paymentMethod: method }, object.record) }
    : plain
  if (expanded.length === 0) return written
  const members = expanded.map((each) => [memberFor(object, each), renderPlain(each)])
  return { ...written, ...Object.fromEntries(members) }
}

function renderPlain<K extends Kind>({ kind, record }: { kind: K; record: Records[K] }): object {
  return renderers[kind](record)
}

/** The member of `object` that names `other`. */
function memberFor(object: Snapshot, other: Snapshot): string {
  if (other.kind === 'pi') return 'payment_intent'
  if (other.kind === 'cus') return 'customer'
  return object.kind === 'pi' ? 'latest_charge' : 'charge'
}

/** An event as it is sent and listed. The object is as it was when the event happened. */
export function renderEvent(event: EventRecord): object {
  return {
    id: event.id,
    object: 'event',
    api_version: apiVersion,
    created: event.created,
    data: dataOf(event),
    livemode: false,
    pending_webhooks: 1,
    request: { id: event.requestId, idempotency_key: event.idempotencyKey },
    type: event.type,
  }
}

function dataOf({ object, previous }: EventRecord): object {
  const now = renderSnapshot(object)
  if (!previous) return { object: now }
  return { object: now, previous_attributes: changedMembers(renderSnapshot(previous), now) }
}
