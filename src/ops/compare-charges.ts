/** Charges: the provider's intents against the payments of the tables. */
import { isUuid } from '../kernel/ids.ts'
import type { IntentFacts } from '../payments/gateway.ts'
import type { ListedIntent } from '../payments/provider-lists.ts'
import { ask, type Comparison, type ComparisonDeps, FirstLook, type Suspect } from './comparing.ts'
import { chargeDifference, type PaymentRow } from './provider-differences.ts'
import { capturedAfter, paymentsOf } from './provider-rows.ts'

/** The comparison of charges; one for each run of `verify --provider`. */
export class ChargeComparison implements Comparison<ListedIntent> {
  readonly firstLook = new FirstLook()
  readonly #deps: ComparisonDeps

  constructor(deps: ComparisonDeps) {
    this.#deps = deps
  }

  async page(items: readonly ListedIntent[]): Promise<void> {
    const rows = await this.#rowsOf(items)
    for (const intent of items) {
      this.firstLook.saw(intent.id)
      const row = rows(intent)
      // Of somebody else who uses the account.
      if (row === null && intent.checkoutId === null) continue
      this.firstLook.compared(suspectOf(intent.id, intent, row))
    }
  }

  rows(from: Date): Promise<void> {
    return this.firstLook.unseen((page) => capturedAfter(this.#deps.pool, { ...page, from }), {
      mark: ({ checkoutId }) => checkoutId,
      providerId: ({ intentId }) => intentId,
      suspect: (row) => suspectOf(row.intentId ?? row.checkoutId, null, row),
    })
  }

  async again(suspect: Suspect): Promise<Suspect | null> {
    const { intentId, key } = suspect
    const there = intentId === null ? null : await this.#retrieve(intentId)
    const known = { checkoutId: there?.checkoutId ?? suspect.checkoutId, id: intentId ?? '' }
    const here = (await this.#rowsOf([known]))(known)
    const again = suspectOf(key, there, here)
    if (again === null || there === null || here?.intentId === there.id) return again
    // A charge that is none of an order's: it is well if all of it went back.
    return (await this.#wentBack(there)) ? null : again
  }

  async #retrieve(intentId: string): Promise<IntentFacts | null> {
    const answer = await ask(this.#deps, () => this.#deps.gateway.retrieveIntent(intentId))
    return answer.tag === 'intent' ? answer.intent : null
  }

  async #wentBack({ id, amountReceived }: IntentFacts): Promise<boolean> {
    const answer = await ask(this.#deps, () => this.#deps.gateway.listRefunds(id))
    if (answer.tag !== 'refunds') return false
    const back = answer.refunds.filter(({ status }) => status === 'succeeded')
    return back.reduce((sum, { amount }) => sum + amount, 0) >= amountReceived
  }

  /** Looks rows up by intent, and by the checkout that its metadata names. */
  async #rowsOf(items: readonly Known[]): Promise<(item: Known) => PaymentRow | null> {
    const checkoutIds = items.map(({ checkoutId }) => checkoutId).filter(isId)
    const intentIds = items.map(({ id }) => id)
    const rows = await paymentsOf(this.#deps.pool, { checkoutIds, intentIds })
    const byIntent = new Map(rows.map((row) => [row.intentId, row]))
    const byCheckout = new Map(rows.map((row) => [row.checkoutId, row]))
    return ({ id, checkoutId }) =>
      byIntent.get(id) ?? (checkoutId === null ? null : (byCheckout.get(checkoutId) ?? null))
  }
}

/** Of a second look nobody asks how old it is. */
type Seen = IntentFacts & { readonly madeMs?: number }
type Known = Pick<IntentFacts, 'id' | 'checkoutId'>

const isId = (id: string | null): id is string => id !== null && isUuid(id)

function suspectOf(key: string, there: Seen | null, here: PaymentRow | null): Suspect | null {
  const sentence = chargeDifference(there, here)
  if (sentence === null) return null
  return {
    ...{ key, sentence, underWay: here?.underWay ?? false },
    intentId: there?.id ?? here?.intentId ?? null,
    checkoutId: here?.checkoutId ?? there?.checkoutId ?? null,
    changedMs: Math.max(there?.madeMs ?? 0, here?.changedAt.getTime() ?? 0),
  }
}
