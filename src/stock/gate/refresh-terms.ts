import { isDeepStrictEqual } from 'node:util'
import { AppError } from '../../kernel/errors.ts'
import type { GateStore } from '../ports.ts'
import { notOnSale, type OfferSource } from '../protocol/offers.ts'
import { partitionOf } from '../protocol/partition.ts'

/** Edits of one SKU that may come while its terms are being written. */
const roundsMax = 10

/**
 * Brings the terms of a SKU's gate to what its offer is now; call it after the edit is committed. What was
 * admitted before keeps its terms. The offer is read again after the terms are written, so that of two
 * edits at once the last one stands, whichever writes last. @throws AppError overloaded when it never rests;
 * Error when the units count against another limit than the gate has counted its buyers for.
 */
export async function refreshTerms(
  gates: Pick<GateStore, 'setTerms'>,
  offers: OfferSource,
  sku: string,
): Promise<void> {
  const read = async () => (await offers.offers([sku])).get(sku) ?? notOnSale(sku)
  let offer = await read()
  for (let round = 0; round < roundsMax; round += 1) {
    const written = await gates.setTerms(offer)
    if (written === 'missing') return
    if (written === 'other_pool') throw otherPool(sku)
    const now = await read()
    if (isDeepStrictEqual(now, offer)) return
    offer = now
  }
  throw new AppError('overloaded', `The terms of ${sku} change faster than they can be written.`)
}

/** Nothing in the shop moves a SKU with a gate to another limit: its counts would have to be loaded first. */
function otherPool(sku: string): Error {
  return new Error(
    `${sku}: its gate counts the buyers of another sale, or of none; repair: update partitions set run_id = null where partition = ${partitionOf(sku)}, so that it is built anew`,
  )
}
