/** What time brings: bank debits and refunds that some test payment methods settle a second later. */
import type { Clock } from '../../src/kernel/clock.ts'
import { settle } from './charging.ts'
import { limits } from './limits.ts'
import { findPaymentMethod } from './payment-methods.ts'
import type { RefundRecord } from './records.ts'
import { settleRefund } from './refunds.ts'
import type { Store, Work } from './store.ts'

export interface SettleInTime {
  readonly paymentIntent: (id: string) => void
  readonly refund: (id: string) => void
  /** Takes up what an earlier process left open. */
  resume(): void
  stop(): void
}

export function settleInTime(store: Store, clock: Clock): SettleInTime {
  let stopped = false
  const later = (afterMs: number, act: (work: Work) => void) => {
    clock.after(afterMs, () => {
      if (stopped) return
      const work = store.begin({ requestId: null, idempotencyKey: null })
      act(work)
      store.commit(work)
    })
  }
  const paymentIntent = (id: string) => {
    const method = findPaymentMethod(store.paymentIntents.get(id)?.paymentMethod ?? '')
    const late = method?.processing === 'settles_late'
    later(late ? limits.settleLateMs : limits.settleMs, (work) => {
      const before = store.paymentIntents.get(id)
      const outcome = method?.decline ? 'fail' : 'succeed'
      if (before?.status === 'processing') settle({ store }, work, before, outcome)
    })
  }
  const refund = (id: string) =>
    later(limits.settleMs, (work) => {
      const before = store.refunds.get(id)
      const outcome = before && outcomeOf(store, before)
      if (outcome) settleRefund({ store }, work, before, { outcome })
    })
  return {
    paymentIntent,
    refund,
    resume: () => {
      for (const { id, status, paymentMethod } of store.paymentIntents.oldestFirst()) {
        const method = status === 'processing' ? findPaymentMethod(paymentMethod ?? '') : undefined
        if (method && method.processing !== 'waits') paymentIntent(id)
      }
      for (const record of store.refunds.oldestFirst()) {
        if (outcomeOf(store, record)) refund(record.id)
      }
    },
    stop: () => {
      stopped = true
    },
  }
}

/** How an open refund ends, or undefined when it has ended. */
function outcomeOf(store: Store, { charge, status }: RefundRecord): 'succeed' | 'fail' | undefined {
  const method = findPaymentMethod(store.charges.get(charge)?.paymentMethod ?? '')
  if (method?.refund === 'pending' && status === 'pending') return 'succeed'
  return method?.refund === 'fails' && status === 'succeeded' ? 'fail' : undefined
}
