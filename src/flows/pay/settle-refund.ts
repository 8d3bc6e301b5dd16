/** What the provider says of a refund, made a fact once. */
import type { RefundFacts } from '../../payments/gateway.ts'
import type { MoneyDeps } from './money-deps.ts'

/**
 * For the refunds' job and events: settles a refund of ours; true when this call changed something.
 * One that failed, even after it had succeeded, makes an operator look: banks do return money.
 * Rejects when PostgreSQL is away.
 */
export async function settleRefund(
  { store, log }: Pick<MoneyDeps, 'store' | 'log'>,
  refundId: string,
  facts: RefundFacts,
): Promise<boolean> {
  if (facts.status === 'pending') {
    await store.noteRefund(refundId, { providerId: facts.id })
    return false
  }
  if (facts.status === 'succeeded') return store.succeedRefund(refundId, facts)
  const why = `the provider could not carry out ${facts.id}`
  const failed =
    (await store.failRefund(refundId, why)) || (await store.takeRefundBack(refundId, why))
  if (failed)
    log.error(
      { refund: refundId, providerId: facts.id },
      'the provider failed a refund; it is listed for an operator',
    )
  return failed
}
