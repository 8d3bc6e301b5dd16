/**
 * Ids of checkouts find their way: a UUIDv7 whose random bits carry the partition, the generation
 * it was minted for, and a keyed check of its buyer. So a GET finds the state of a checkout that
 * PostgreSQL has not seen yet, and tells a lost one from one that never was.
 *
 *     tttttttt-tttt-7ppp-vggn-nnnnnnnccccc
 *
 * t milliseconds · p partition · v variant and two bits of n · g generation modulo 256 · n counter,
 * 34 bits from a random start, so that ids of one process never meet · c check.
 */
import { hash } from 'node:crypto'
import { isUuid } from '../../kernel/ids.ts'
import type { Random } from '../../kernel/random.ts'

/** What an id tells to whoever knows its buyer: where its checkout was granted. */
export interface CheckoutIdParts {
  readonly partition: number
  /** The generation modulo 256. */
  readonly generation: number
}

/**
 * Mints and reads the ids of checkouts. Gates and flows mint; whoever looks for a checkout reads.
 */
export interface CheckoutIds {
  /** A new id. Never the same twice, in whatever process. */
  mint(partition: number, generation: number, buyerId: string): string
  /** The parts, or null when the id was not minted for this buyer. */
  read(id: string, buyerId: string): CheckoutIdParts | null
}

const counterLimit = 2 ** 34

/**
 * Built once for each process; see {@link CheckoutIds} for who calls it. `secret` keys the check;
 * all processes of an installation share it. `now` is ms since the epoch; `random` says where this
 * process begins to count. Never throws: an id that cannot be read is null.
 */
export function checkoutIds(secret: string, now: () => number, random: Random): CheckoutIds {
  let counter = Math.floor(random() * counterLimit)
  // The check tells ids apart, it does not authorise: the row's buyer is compared as well.
  const check = (front: string, buyerId: string) =>
    hash('sha256', `${secret} ${front} ${buyerId} ${secret}`, 'hex').slice(0, 5)
  return {
    mint(partition, generation, buyerId) {
      counter = (counter + 1) % counterLimit
      const time = now().toString(16).padStart(12, '0')
      const variant = (8 + Math.floor(counter / 2 ** 32)).toString(16)
      const low = (counter % 2 ** 32).toString(16).padStart(8, '0')
      const g = (generation % 256).toString(16).padStart(2, '0')
      const p = partition.toString(16).padStart(3, '0')
      const front = `${time.slice(0, 8)}-${time.slice(8)}-7${p}-${variant}${g}${low.slice(0, 1)}-${low.slice(1)}`
      return front + check(front, buyerId)
    },
    read(id, buyerId) {
      if (!isUuid(id) || id[14] !== '7') return null
      if (id.slice(31) !== check(id.slice(0, 31), buyerId)) return null
      return {
        partition: Number.parseInt(id.slice(15, 18), 16),
        generation: Number.parseInt(id.slice(20, 22), 16),
      }
    },
  }
}

/**
 * For the ledger's scan over a partition's checkouts: the digits of an id that carry the partition,
 * as SQL's `substr(id::text, 16, 3)` cuts them out. Never throws.
 */
export function partitionDigits(partition: number): string {
  return partition.toString(16).padStart(3, '0')
}

/**
 * For a rebuild, which begins its scan of recent ids there: the smallest UUIDv7 of a millisecond
 * since the epoch. Never throws.
 */
export function firstIdAt(ms: number): string {
  const hex = Math.max(ms, 0).toString(16).padStart(12, '0')
  return `${hex.slice(0, 8)}-${hex.slice(8)}-7000-8000-000000000000`
}
