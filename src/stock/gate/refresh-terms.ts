import { isDeepStrictEqual } from 'node:util'
import { AppError } from '../../kernel/errors.ts'
import type { GateStore } from '../ports.ts'
import { notOnSale, type OfferSource } from '../protocol/offers.ts'
import { partitionOf } from '../protocol/partition.ts'

/** Edits of one SKU that may come while its terms are being written. */
const roundsMax = 10

/**
 * For sellers' changes, after the commit, and for a rebuild: brings a gate's terms to what its
 * offer is now. Admitted checkouts keep their terms; of two edits at once, the last one stands.
 * @throws AppError overloaded after ten edits in a row; Error when the units count against another
 * limit than the gate's; and when a store is away.
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

/**
 * Nothing in the shop moves a SKU with a gate to another limit: its counts would have to be loaded
 * first.
 */
function otherPool(sku: string): Error {
  return new Error(
    `${sku}: its gate counts the buyers of another sale, or of none; repair: update partitions set run_id = null where partition = ${partitionOf(sku)}, so that it is built anew`,
  )
}
