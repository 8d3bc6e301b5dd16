/** What the provider says of refunds, made a fact once. */
import type { RefundFacts } from '../../payments/gateway.ts'
import { ProviderAway } from './cancel-intent.ts'
import { hearRefunds } from './money/decide-refund.ts'
import type { MoneyDeps } from './money-deps.ts'

/** What settling refunds needs. */
export type RefundDeps = Pick<MoneyDeps, 'store' | 'gateway' | 'log'>

/**
 * For the refunds' job and events: settles what is told of a checkout's refunds, whoever began them. One that failed,
 * even after it had succeeded, is asked for again later: banks do return money. False when the word contradicts what is
 * known, and nothing is settled: {@link lookAtRefunds} tells what is true. Rejects when PostgreSQL is away.
 */
export async function settleRefunds(
  { store, log }: Pick<RefundDeps, 'store' | 'log'>,
  checkoutId: string,
  told: readonly RefundFacts[],
): Promise<boolean> {
  const { decided } = await store.changeRefunds(checkoutId, (book, freshId) =>
    hearRefunds(book, told, freshId),
  )
  for (const { id, state, error, againIn, nextId } of decided.change?.moves ?? []) {
    if (state !== 'failed') continue
    const next =
      nextId !== undefined
        ? 'what is left of it is asked for by another'
        : againIn
          ? `its money is asked for again in ${againIn} s`
          : 'it is listed for an operator'
    log.error({ refund: id, checkoutId, why: error }, `a refund failed; ${next}`)
  }
  return decided.tag === 'heard'
}

/**
 * For the refunds' job and events: asks the provider for all refunds of an intent, and settles what it says; answers
 * them, null when it knows no such intent. @throws ProviderAway without an answer, or when the answer contradicts what
 * is known: another look mends that, because one of them was out of date.
 */
export async function lookAtRefunds(
  deps: RefundDeps,
  checkoutId: string,
  intentId: string,
): Promise<readonly RefundFacts[] | null> {
  const listed = await deps.gateway.listRefunds(intentId)
  if (listed.tag === 'unknown') throw new ProviderAway(listed.message)
  if (listed.tag === 'refused') return null
  if (!(await settleRefunds(deps, checkoutId, listed.refunds))) {
    throw new ProviderAway(`the refunds of ${intentId} come to more than was captured`)
  }
  return listed.refunds
}
