/**
 * A partition is the unit of ownership and placement: each SKU is in one, for ever. Its number is
 * the Redis hash tag, so that a SKU's keys and its partition's keys share a slot.
 */
/** How many partitions there are, numbered from 0. */
export const partitionCount = 64

/**
 * For the listener to wake-ups, which newer releases may send too: whether there is a partition of
 * this number. Never throws.
 */
export function isPartition(number: number): boolean {
  return Number.isInteger(number) && number >= 0 && number < partitionCount
}

/**
 * For everybody who needs a SKU's keys or its owner: its partition, FNV-1a (32 bit) folded to
 * 0..63. Written into the ledger row, so it must never change. Never throws.
 */
export function partitionOf(sku: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < sku.length; i++) {
    hash ^= sku.charCodeAt(i)
    hash = Math.imul(hash, 0x01000193)
  }
  return ((hash >>> 16) ^ hash) & (partitionCount - 1)
}
