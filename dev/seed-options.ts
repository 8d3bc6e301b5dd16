import { parseArgs } from 'node:util'
import { UsageError } from '../src/system/run-role.ts'

const usage = 'usage: npm run seed -- [--products 1 to 200000] [--seed 0 to 999999]'
const productsMax = 200_000
const seedMax = 999_999

/** Reads the words after `npm run seed --`. @throws UsageError. */
export function seedOptions(args: readonly string[]): {
  readonly products: number | undefined
  readonly seed: number
} {
  const { products, seed } = words(args)
  return {
    products: products === undefined ? undefined : whole(products, 1, productsMax),
    seed: seed === undefined ? 1 : whole(seed, 0, seedMax),
  }
}

function words(args: readonly string[]) {
  const text = { type: 'string' } as const
  try {
    return parseArgs({ args: [...args], options: { products: text, seed: text } }).values
  } catch {
    throw new UsageError(usage)
  }
}

function whole(value: string, min: number, max: number): number {
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  throw new UsageError(usage)
}
