/**
 * The one place where the provider's word becomes a fact. Called by confirm, by webhooks and by the
 * reconciler, any number of times, in any order: each fact is settled once.
 */
import { PermanentFailure } from '../../platform/retries.ts'
import { finishReclaim } from './late-money.ts'
import { decideSettlement, type MoneyNews } from './money/decide-settlement.ts'
import type { Settlement, Verdict } from './money/settlement.ts'
import type { PaidFacts } from './money/store.ts'
import type { MoneyDeps } from './money-deps.ts'

/** What settling is built from. */
export type SettleDeps = Pick<
  MoneyDeps,
  'store' | 'strategy' | 'declinesMax' | 'log' | 'clock' | 'brake'
>

/**
 * What the provider says contradicts the order, and will at the next look: nothing is settled, and the
 * payment is flagged for an operator.
 */
export class PaymentMismatch extends PermanentFailure {
  override name = 'PaymentMismatch'
}

/**
 * Settles a verdict on the checkout's intent. `attempt` is the one just asked for; null when nobody
 * knows (an event, a look): a decline is then believed only of one that waits for the buyer. For late
 * money, waits up to 3 seconds for the owners of its units.
 * @throws PaymentMismatch for another intent, amount or currency; Error for a checkout without a payment.
 */
export async function settlePayment(
  deps: SettleDeps,
  checkoutId: string,
  verdict: Verdict,
  attempt: number | null,
): Promise<Settlement> {
  const { intent } = verdict
  if (verdict.tag === 'succeeded' && (await capturePaid(deps, checkoutId, intent))) {
    return { tag: 'confirmed' }
  }
  const settlement = await settleNews(deps, checkoutId, { tag: 'verdict', verdict, attempt })
  if (settlement.tag === 'mismatch') {
    const mismatch = new PaymentMismatch(
      `intent ${intent.id} of checkout ${checkoutId}: ${settlement.why}`,
    )
    deps.log.error(
      { err: mismatch, checkoutId, intentId: intent.id },
      'a payment does not fit its order; nothing is settled, and an operator has to look at it',
    )
    throw mismatch
  }
  if (settlement.tag === 'declined') await deps.brake?.declined(checkoutId)
  if (settlement.tag === 'late') await finishReclaim(deps, checkoutId)
  return settlement
}

/** Settles any other news of a payment, and posts the commands that it comes to. */
export async function settleNews(
  { store, strategy, declinesMax }: Pick<SettleDeps, 'store' | 'strategy' | 'declinesMax'>,
  checkoutId: string,
  news: MoneyNews,
): Promise<Settlement> {
  const { decided, commands } = await store.change(checkoutId, (facts) =>
    decideSettlement(facts, news, { declinesMax }),
  )
  if (commands.length > 0) await strategy.post(commands)
  return decided.settlement
}

/**
 * The usual success: captures a payment whose hold is there, and posts what sells the units, without
 * waiting for it; true when it changed something.
 */
export async function capturePaid(
  { store, strategy }: Pick<SettleDeps, 'store' | 'strategy'>,
  checkoutId: string,
  facts: PaidFacts,
): Promise<boolean> {
  const commands = await store.capture(checkoutId, facts)
  if (commands) void strategy.post(commands)
  return commands !== null
}
