/** Where randomness comes from: the system in production, a seed in simulation and tests. */
import { randomInt } from 'node:crypto'

/** A number from 0 up to, not including, 1. */
export type Random = () => number

/** Cannot be guessed. Costs about a microsecond. */
export const systemRandom: Random = () => randomInt(2 ** 47) / 2 ** 47

/** Numbers that look random and are the same for the same seed, on every machine. */
export interface SeededRandom {
  /** From 0 up to, not including, 1. */
  next(): number
  /** A whole number from `min` to `max`, both included. */
  whole(min: number, max: number): number
  /** One of them, all alike. */
  pick<T>(items: readonly T[]): T
  /** `count` of them at most, in their order. */
  some<T>(items: readonly T[], count: number): T[]
  chance(probability: number): boolean
}

/** The generator mulberry32, with a 32 bit state. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed >>> 0
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (min: number, max: number) => min + Math.floor(next() * (max - min + 1))
  return {
    next,
    whole,
    pick: (items) => items[whole(0, items.length - 1)] as (typeof items)[number],
    some: (items, count) => {
      let open = Math.min(count, items.length)
      return items.filter((_, i) => {
        const taken = next() < open / (items.length - i)
        if (taken) open -= 1
        return taken
      })
    },
    chance: (probability) => next() < probability,
  }
}
