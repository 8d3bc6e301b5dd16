/**
 * The compact set of buyers who may hold units of a SKU: a Bloom filter in Redis, written by the
 * gate, read by API processes before they refuse somebody from memory. False positives only cost a
 * round trip.
 */

/**
 * For whoever builds a gate: the size, in bits, of the filter of buyers (above) for a SKU with
 * `units` on hand. 16 bits a unit, rounded up to a power of two, from 1,024 to 2^27 (16 MiB). Two
 * hashes then err in about 1.4 % of cases, until the upper end is reached. Never throws.
 */
export function holderBits(units: number): number {
  const wanted = 16 * Math.max(units, 64)
  return Math.min(2 ** Math.ceil(Math.log2(wanted)), 2 ** 27)
}

/**
 * For loading and asking the filter: the two positions of a buyer, in bits from 0, the same as in
 * lua/lib/holders.lua. `bits` is the filter's size. Never throws.
 */
export function holderPositions(buyerId: string, bits: number): [number, number] {
  return [
    Number.parseInt(buyerId.slice(28, 36), 16) % bits,
    Number.parseInt(buyerId.slice(20, 23) + buyerId.slice(24, 28), 16) % bits,
  ]
}

/**
 * For API processes, before they refuse from memory: whether `filter`, as Redis stores it (bit 0 is
 * the highest of byte 0), of `bits` bits, may contain the buyer. Never throws.
 */
export function mayHold(filter: Buffer, bits: number, buyerId: string): boolean {
  return holderPositions(buyerId, bits).every((at) => {
    const byte = filter[at >>> 3]
    return byte !== undefined && (byte & (128 >>> (at & 7))) !== 0
  })
}
