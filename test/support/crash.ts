/** Processes that die in the middle of a payment, without dying: the call that kills them never returns. */
import assert from 'node:assert/strict'
import { type Driven, driveAttempt } from '../../src/flows/pay/drive.ts'
import type { MoneyDeps } from '../../src/flows/pay/money-deps.ts'
import type { PaymentGateway } from '../../src/payments/gateway.ts'

export class Crash extends Error {
  override name = 'Crash'
}

export type Call = keyof PaymentGateway
export type CrashPoint = `${'before' | 'after'} ${Call}`

/** The gateway of a process that dies just before, or just after, the first call of that name. */
export function dyingAt(point: CrashPoint): (gateway: PaymentGateway) => PaymentGateway {
  const [when, call] = point.split(' ') as ['before' | 'after', Call]
  return (gateway) => {
    const dying = async (run: () => Promise<unknown>) => {
      if (when === 'before') throw new Crash(point)
      await run()
      throw new Crash(point)
    }
    const original = gateway[call] as (...args: unknown[]) => Promise<unknown>
    return { ...gateway, [call]: (...args: unknown[]) => dying(() => original(...args)) }
  }
}

/** What a confirm does in a process that is built from `deps`. */
export async function confirmAs(
  deps: MoneyDeps,
  { id, buyer }: { readonly id: string; readonly buyer: string },
  paymentMethodId = 'pm_card_visa',
): Promise<Driven> {
  const request = { checkoutId: id, buyerId: buyer, paymentMethodId, queue: false }
  const begun = await deps.store.begin(request)
  assert.ok(begun, `${id} cannot be paid`)
  return driveAttempt(deps, begun)
}

/** A confirm that ends where the process dies. */
export async function confirmAndDie(...confirm: Parameters<typeof confirmAs>): Promise<void> {
  await assert.rejects(confirmAs(...confirm), Crash)
}
