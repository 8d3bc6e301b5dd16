import { failure } from './money/decide-settlement.ts'
import type { MoneyDeps } from './money-deps.ts'

/**
 * For POST /api/orders: gives up a hold whose payment has failed, although its buyer might try
 * again; its units go back at once. False when there is no such hold: it has ended, or an attempt
 * is in flight. Rejects when PostgreSQL is away.
 */
export async function failHold(
  { store, strategy }: Pick<MoneyDeps, 'store' | 'strategy'>,
  checkoutId: string,
  why: { readonly reason: string; readonly declineCode: string | null },
): Promise<boolean> {
  const { decided, commands } = await store.change(checkoutId, (facts) => ({
    change: facts.order?.state === 'reserved' ? failure(facts, why.reason, why.declineCode) : null,
  }))
  if (commands.length > 0) await strategy.post(commands)
  return decided.change !== null
}
