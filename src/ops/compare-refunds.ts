/** Refunds: those of the provider against those of the tables. */
import type { ListedRefund } from '../payments/provider-lists.ts'
import { ask, type Comparison, type ComparisonDeps, FirstLook, type Suspect } from './comparing.ts'
import { type RefundRow, type RefundThere, refundDifference } from './provider-differences.ts'
import { paymentsOf, refundedAfter, refundsOf } from './provider-rows.ts'

/** The comparison of refunds; one for each run of `verify --provider`. */
export class RefundComparison implements Comparison<ListedRefund> {
  readonly firstLook = new FirstLook()
  readonly #deps: ComparisonDeps

  constructor(deps: ComparisonDeps) {
    this.#deps = deps
  }

  async page(items: readonly ListedRefund[]): Promise<void> {
    const intentIds = items.map(({ intentId }) => intentId).filter((id) => id !== null)
    const payments = await paymentsOf(this.#deps.pool, { checkoutIds: [], intentIds })
    const checkoutOf = new Map(payments.map(({ intentId, checkoutId }) => [intentId, checkoutId]))
    const rows = await refundsOf(this.#deps.pool, [...checkoutOf.values()])
    for (const refund of items) {
      this.firstLook.saw(refund.id)
      const checkoutId = checkoutOf.get(refund.intentId)
      // Of a charge that is none of an order's: the comparison of charges tells it.
      if (checkoutId === undefined) continue
      const pair = { there: refund, here: rowOf(rows, refund), checkoutId }
      this.firstLook.compared(suspectOf(refund.id, pair, refund))
    }
  }

  rows(from: Date): Promise<void> {
    return this.firstLook.unseen((page) => refundedAfter(this.#deps.pool, { ...page, from }), {
      mark: ({ id }) => id,
      providerId: ({ providerId }) => providerId,
      suspect: (row) => {
        const pair = { there: null, here: row, checkoutId: row.checkoutId }
        return suspectOf(row.providerId ?? row.id, pair, row)
      },
    })
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
