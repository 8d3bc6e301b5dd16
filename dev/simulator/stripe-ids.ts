import { randomFillSync } from 'node:crypto'
import type { Kind } from './records.ts'

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const pool = Buffer.alloc(8_192)
let used = pool.length

export type IdPrefix = Kind | 'evt' | 'req' | 'txn'

/** A new id in Stripe's form: the prefix, an underscore and 24 letters or digits. */
export function newStripeId(prefix: IdPrefix): string {
  return `${prefix}_${randomText(24)}`
}

/** Letters and digits that nobody can guess; drawn from a pool, because ids are made on every request. */
export function randomText(length: number): string {
  let text = ''
  while (text.length < length) {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    // Of 64 values the last two stand for no character and are drawn again.
    text += alphabet[(pool[used++] ?? 63) & 63] ?? ''
  }
  return text
}

/** A number from 0 up to, not including, 1. */
export function randomFraction(): number {
  if (used + 4 > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  used += 4
  return pool.readUInt32LE(used - 4) / 2 ** 32
}
