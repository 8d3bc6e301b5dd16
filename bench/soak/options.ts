/** The command line of `npm run soak`. */
import { readCommandLine, UsageError } from '../../src/system/command-line.ts'

export interface SoakOptions {
  readonly purchases: number
  readonly seed: number
  /** Refunds that somebody makes at the provider, without the shop. */
  readonly foreignRefunds: number
}

export const usage = `npm run soak -- [options]

Buys with random cards at the payment simulator while replies, events and processes are lost; then asks whether the
shop and the provider agree on every charge and refund. Everything is private to the run, and removed at its end.

  --purchases N         1 to 50000 purchases (default 2000)
  --seed N              which cards and which trouble, 0 to 4294967295 (default: of the clock; it is printed)
  --foreign-refunds N   refunds made at the provider, without the shop (default 100)
  --help                this text

Exit code: 0 nothing differs, 1 something does or the run failed, 2 wrong usage, 130 interrupted.`

const text = { type: 'string' } as const

/** Parses the words after `npm run soak --`; 'help' when asked for. @throws UsageError in one line. */
export function parseSoak(words: readonly string[], nowMs: number): SoakOptions | 'help' {
  const flags = { purchases: text, seed: text, 'foreign-refunds': text }
  const line = readCommandLine(words, { command: 'npm run soak', flags })
  if (line.help) return 'help'
  const whole = (flag: keyof typeof flags, min: number, max: number, otherwise: number) => {
    const given = line.value(flag)
    if (given === undefined) return otherwise
    const number = /^\d{1,10}$/.test(given) ? Number(given) : Number.NaN
    if (number >= min && number <= max) return number
    throw new UsageError(`--${flag}: "${given}" is not a whole number from ${min} to ${max}`)
  }
  return {
    purchases: whole('purchases', 1, 50_000, 2_000),
    seed: whole('seed', 0, 2 ** 32 - 1, nowMs % 2 ** 32),
    foreignRefunds: whole('foreign-refunds', 0, 50_000, 100),
  }
}
