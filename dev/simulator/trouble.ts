/** What some test cards bring as soon as the money was taken: disputes, and warnings of fraud. */
import { openDispute } from './disputes.ts'
import { warn } from './fraud.ts'
import { findPaymentMethod } from './payment-methods.ts'
import type { Store, Work } from './store.ts'

/** At Stripe it takes a moment; here it is there with the answer. */
export function bringTrouble(store: Store, work: Work, chargeId: string): void {
  const charge = () => store.charges.get(chargeId)
  const taken = charge()
  const method = findPaymentMethod(taken?.paymentMethod ?? '')
  if (taken && method?.warned) warn(work, taken)
  for (const complaint of method?.disputes ?? []) {
    const now = charge()
    if (now) openDispute(store, work, now, complaint)
  }
}
