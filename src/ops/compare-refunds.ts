/** Refunds: those of the provider against those of the tables. */
import type { ListedRefund } from '../payments/provider-lists.ts'
import { ask, type Comparison, type ComparisonDeps, type Suspect } from './comparing.ts'
import { type RefundRow, type RefundThere, refundDifference } from './provider-differences.ts'
import { paymentsOf, refundedAfter, refundsOf } from './provider-rows.ts'

const batch = 1_000

/** The comparison of refunds; one for each run of `verify --provider`. */
export class RefundComparison implements Comparison<ListedRefund> {
  readonly suspects = new Map<string, Suspect>()
  readonly #deps: ComparisonDeps
  readonly #seen = new Set<string>()
  #checked = 0

  constructor(deps: ComparisonDeps) {
    this.#deps = deps
  }

  get checked(): number {
    return this.#checked
  }

  async page(items: readonly ListedRefund[]): Promise<void> {
    const intentIds = items.map(({ intentId }) => intentId).filter((id) => id !== null)
    const payments = await paymentsOf(this.#deps.pool, { checkoutIds: [], intentIds })
    const checkoutOf = new Map(payments.map(({ intentId, checkoutId }) => [intentId, checkoutId]))
    const rows = await refundsOf(this.#deps.pool, [...checkoutOf.values()])
    for (const refund of items) {
      this.#seen.add(refund.id)
      const checkoutId = checkoutOf.get(refund.intentId)
      // Of a charge that is none of an order's: the comparison of charges tells it.
      if (checkoutId === undefined) continue
      this.#checked += 1
      this.#suspect(refund.id, { there: refund, here: rowOf(rows, refund), checkoutId }, refund)
    }
  }

  async rows(from: Date): Promise<void> {
    for (let after: string | null = null; ; ) {
      const page = { after, from, limit: batch }
      const rows: readonly RefundRow[] = await refundedAfter(this.#deps.pool, page)
      for (const row of rows) {
        if (row.providerId !== null && this.#seen.has(row.providerId)) continue
        this.#checked += 1
        const { checkoutId } = row
        this.#suspect(row.providerId ?? row.id, { there: null, here: row, checkoutId }, row)
      }
      after = rows.at(-1)?.id ?? null
      if (rows.length < batch) return
    }
  }

  async again(suspect: Suspect): Promise<Suspect | null> {
    const { key, intentId, checkoutId } = suspect
    if (intentId === null || checkoutId === null) return suspect
    const answer = await ask(this.#deps, () => this.#deps.gateway.listRefunds(intentId))
    const [payment] = await paymentsOf(this.#deps.pool, { checkoutIds: [], intentIds: [intentId] })
    const rows = await refundsOf(this.#deps.pool, [checkoutId])
    const facts = answer.tag === 'refunds' ? answer.refunds.find(({ id }) => id === key) : undefined
    const here = facts
      ? rowOf(rows, facts)
      : (rows.find(({ id, providerId }) => id === key || providerId === key) ?? null)
    // A refund has the currency of its charge.
    const currency = payment?.currency ?? here?.currency ?? ''
    const there = facts ? { ...facts, currency } : null
    return suspectOf(key, { there, here, checkoutId }, { intentId })
  }

  #suspect(key: string, pair: Pair, about: About): void {
    const suspect = suspectOf(key, pair, about)
    if (suspect) this.suspects.set(key, suspect)
  }
}

interface Pair {
  readonly there: RefundThere | null
  readonly here: RefundRow | null
  readonly checkoutId: string
}

interface About {
  readonly intentId: string | null
  readonly madeMs?: number
}

function rowOf(
  rows: readonly RefundRow[],
  { id, refundId }: Pick<RefundThere, 'id' | 'refundId'>,
): RefundRow | null {
  return rows.find((row) => row.providerId === id || row.id === refundId) ?? null
}

function suspectOf(
  key: string,
  { there, here, checkoutId }: Pair,
  { intentId, madeMs = 0 }: About,
): Suspect | null {
  const sentence = refundDifference(there, here, checkoutId)
  if (sentence === null) return null
  const changedMs = Math.max(madeMs, here?.changedAt.getTime() ?? 0)
  return { key, intentId, checkoutId, sentence, underWay: here?.underWay ?? false, changedMs }
}
