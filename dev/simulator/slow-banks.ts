/** Banks that take their time, and connections that break on one side of the charge, as a script sets it. */
import { z } from 'zod'
import type { Form } from './form.ts'
import { limits } from './limits.ts'
import type { PaymentIntentRecord } from './records.ts'

const wait = z.int().min(0).max(limits.bankMs)

export const bankScript = z.strictObject({
  /** The first that fits an attempt to charge decides. */
  rules: z
    .array(
      z
        .strictObject({
          /** Default: every one. */
          paymentMethod: z.string().min(1).max(200).optional(),
          minMs: wait.default(0),
          maxMs: wait.optional(),
          /** On which side of the charge time passes, while the connection stays open. */
          when: z.enum(['before', 'after']).default('before'),
          /** The connection is cut when the time is over; then the charge is made or not, as `when` says. */
          drop: z.boolean().default(false),
          /** So many attempts; default any number. */
          count: z.int().min(1).max(1_000_000).optional(),
        })
        .refine(({ minMs, maxMs }) => minMs <= (maxMs ?? minMs), 'minMs must not be above maxMs'),
    )
    .max(100),
})

export type BankScript = z.infer<typeof bankScript>

/** What becomes of one attempt. */
export interface BankPace {
  readonly waitBeforeMs: number
  readonly waitAfterMs: number
  readonly dropped: 'before' | 'after' | null
}

const prompt: BankPace = { waitBeforeMs: 0, waitAfterMs: 0, dropped: null }

export class SlowBanks {
  readonly #random: () => number
  #script: BankScript = { rules: [] }

  constructor(random: () => number) {
    this.#random = random
  }

  get script(): BankScript {
    return this.#script
  }

  set(script: BankScript): void {
    this.#script = script
  }

  /** How fast the bank is for a request that may charge; uses up one of a rule's count. */
  meet(endpoint: string, form: () => Form, before: PaymentIntentRecord | undefined): BankPace {
    if (this.#script.rules.length === 0) return prompt
    const method = attempted(endpoint, form, before)
    if (method === undefined) return prompt
    const at = this.#script.rules.findIndex(
      ({ paymentMethod }) => paymentMethod === undefined || paymentMethod === method,
    )
    const rule = this.#script.rules[at]
    if (!rule) return prompt
    if (rule.count !== undefined) this.#useUp(at, rule.count)
    const { minMs, maxMs = minMs, when } = rule
    const ms = minMs + this.#random() * (maxMs - minMs)
    return {
      waitBeforeMs: when === 'before' ? ms : 0,
      waitAfterMs: when === 'after' ? ms : 0,
      dropped: rule.drop ? when : null,
    }
  }

  #useUp(at: number, count: number): void {
    const rules = this.#script.rules.flatMap((rule, index) => {
      if (index !== at) return [rule]
      return count > 1 ? [{ ...rule, count: count - 1 }] : []
    })
    this.#script = { rules }
  }
}

/** The payment method that the request charges, if it charges. */
function attempted(
  endpoint: string,
  form: () => Form,
  before: PaymentIntentRecord | undefined,
): string | undefined {
  if (endpoint === 'POST /v1/payment_intents') {
    const asked = form()
    return asked.flag('confirm') ? asked.text('payment_method') : undefined
  }
  if (endpoint !== 'POST /v1/payment_intents/{id}/confirm') return undefined
  return form().text('payment_method') ?? before?.paymentMethod ?? undefined
}
