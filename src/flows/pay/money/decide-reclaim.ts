/** The rule of late money, once its units were taken again. Pure. */
import type { MoneyChange, MoneyFacts } from './facts.ts'
import { paidEvent } from './paid-event.ts'

/** A line of an order whose units were taken again for late money, as its owner has decided. */
export interface ReclaimedLine {
  readonly sku: string
  readonly sold: boolean
}

/**
 * Decides about late money once the owners of all SKUs have answered: every unit could be had again,
 * or all go back and so does the money. Null when somebody has decided before.
 */
export function decideReclaim(
  { checkoutId, order, payment }: MoneyFacts,
  lines: readonly ReclaimedLine[],
): MoneyChange | null {
  if (order?.state !== 'expired' || !payment?.reclaiming) return null
  if (lines.length > 0 && lines.every(({ sold }) => sold)) {
    return {
      payment: { reclaiming: false },
      order: { by: 'late money', to: 'paid', outcome: 'confirmed', reason: 'paid late' },
      history: {
        from: 'expired',
        to: 'paid',
        reason: 'the payment came late, the units were still free',
      },
      tell: [paidEvent(checkoutId)],
    }
  }
  return {
    payment: { reclaiming: false },
    units: { how: 'return', reason: 'late money could not be honoured' },
    refund: { reason: 'late' },
  }
}
