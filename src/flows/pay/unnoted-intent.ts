import { isUuid } from '../../kernel/ids.ts'
import type { IntentFacts } from '../../payments/gateway.ts'
import { ProviderAway } from './cancel-intent.ts'
import type { KnownPayment } from './money/store.ts'
import type { MoneyDeps } from './money-deps.ts'

/**
 * For the handlers of events about an intent that no payment names: the answer that would have told of it may have been
 * lost. Its metadata says whose it is. Null when the provider knows no such intent, or when it is none of this shop's.
 * @throws ProviderAway when asking gets no answer.
 */
export async function unnotedIntent(
  { store, gateway }: Pick<MoneyDeps, 'store' | 'gateway'>,
  intentId: string,
): Promise<{ readonly intent: IntentFacts; readonly payment: KnownPayment } | null> {
  const answer = await gateway.retrieveIntent(intentId)
  if (answer.tag === 'unknown') throw new ProviderAway(answer.message)
  if (answer.tag === 'refused') return null
  const { intent } = answer
  if (intent.checkoutId === null || !isUuid(intent.checkoutId)) return null
  const payment = await store.payment(intent.checkoutId)
  return payment && { intent, payment }
}
