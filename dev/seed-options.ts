import { type CommandLine, UsageError } from '../src/system/command-line.ts'

const productsMax = 200_000
const seedMax = 999_999

export interface SeedOptions {
  /** Undefined: the demo shop. */
  readonly products: number | undefined
  readonly seed: number
}

/** Reads the numbers behind `npm run seed --`. @throws UsageError. */
export function seedOptions(line: CommandLine): SeedOptions {
  return {
    products: whole(line, 'products', 1, productsMax),
    seed: whole(line, 'seed', 0, seedMax) ?? 1,
  }
}

function whole(line: CommandLine, flag: string, min: number, max: number): number | undefined {
  const value = line.value(flag)
  if (value === undefined) return undefined
  const number = /^\d{1,9}$/.test(value) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  throw new UsageError(`--${flag}: ${value} is not a whole number from ${min} to ${max}`)
}
