/** What a seed stands for: the stock, the weather, and which accidents happen when. */
import { type SeededRandom, seededRandom } from '../../src/kernel/random.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import type { Ambush, Weather } from './network.ts'
import { ambushedVerbs } from './verbs-of-ports.ts'

export interface PlannedSku {
  readonly sku: string
  readonly partition: number
  readonly units: number
  /** Units per buyer; null: no limit. */
  readonly limit: number | null
}

export type Accident =
  | {
      readonly what: 'redis restarts'
      readonly leaves: 'as it was' | 'empty' | 'older'
      readonly downMs: number
    }
  | { readonly what: 'redis is backed up' }
  | { readonly what: 'a mailbox is lost'; readonly of: number }
  | { readonly what: 'postgres restarts'; readonly downMs: number }
  | { readonly what: 'a session ends'; readonly which: number }
  | { readonly what: 'a process dies'; readonly which: number }
  | { readonly what: 'a worker is stopped'; readonly which: number }
  | { readonly what: 'a process stands still'; readonly which: number; readonly ms: number }

export interface Plan {
  readonly seed: number
  readonly skus: readonly PlannedSku[]
  readonly buyers: number
  /** How long people and accidents are at work. */
  readonly activeMs: number
  readonly startMs: number
  readonly weather: Weather
  readonly messagesLost: number
  readonly locksHold: boolean
  /** Whether somebody asks for a unit of each SKU at the end. */
  readonly probed: boolean
  readonly ambushes: readonly Ambush[]
  readonly accidents: readonly { readonly atMs: number; readonly accident: Accident }[]
}

/** Names of SKUs, by partition: the first three partitions that some name falls into, and three names in each. */
const names = (() => {
  const found = new Map<number, string[]>()
  for (let n = 0; ; n++) {
    const sku = `SKU-${n}`
    const partition = partitionOf(sku)
    const known = found.get(partition) ?? []
    if (known.length < 3 && (found.size < 3 || found.has(partition)))
      found.set(partition, [...known, sku])
    const whole = [...found.values()].filter(({ length }) => length === 3)
    if (whole.length === 3) return [...found]
  }
})()

/** The partitions that stories take place in. */
export const storyPartitions: readonly number[] = names.map(([partition]) => partition)

const activeMs = 3_000
/** A midnight, UTC: some stories begin a moment before it. */
const midnightMs = 1_900_022_400_000 - (1_900_022_400_000 % 86_400_000)

export function planOf(seed: number): Plan {
  const random = seededRandom(seed)
  const skus = skusOf(random)
  return {
    seed,
    skus,
    buyers: random.whole(4, 7),
    activeMs,
    startMs: random.chance(0.3) ? midnightMs - random.whole(500, 3_500) : midnightMs + 36_000_000,
    weather: weatherOf(random),
    messagesLost: random.pick([0, 0, 0.2, 1]),
    locksHold: random.chance(0.6),
    probed: random.chance(0.7),
    ambushes: Array.from({ length: random.whole(0, 4) }, () => ({
      verb: random.pick(ambushedVerbs),
      moment: random.pick(['before', 'after'] as const),
      nth: Math.ceil(random.next() ** 4 * 10),
    })),
    accidents: accidentsOf(random, skus.length),
  }
}

function skusOf(random: SeededRandom): PlannedSku[] {
  return names.flatMap(([partition, skus], i) =>
    skus.slice(0, i === 2 ? random.whole(0, 1) : random.whole(1, 2)).map((sku) => ({
      sku,
      partition,
      units: random.pick([1, 2, 3, 6, 12]),
      limit: random.pick([null, 1, 2, 3]),
    })),
  )
}

function weatherOf(random: SeededRandom): Weather {
  const storm = random.pick([0, 0.5, 1])
  return {
    wayMs: random.pick([1, 4, 20]),
    slowChance: storm * 0.15,
    slowMs: random.pick([20, 150]),
    lostChance: storm * 0.01,
    answerLostChance: storm * 0.01,
    lateChance: storm * 0.01,
    patienceMs: random.pick([60, 250]),
  }
}

function accidentsOf(random: SeededRandom, skus: number): Plan['accidents'] {
  return Array.from({ length: random.whole(0, 6) }, () => ({
    atMs: Math.floor(200 + random.next() * (activeMs - 400)),
    accident: accidentOf(random, skus),
  })).sort((a, b) => a.atMs - b.atMs)
}

function accidentOf(random: SeededRandom, skus: number): Accident {
  const which = random.whole(0, 99)
  return random.pick<Accident>([
    {
      what: 'redis restarts',
      leaves: random.pick(['as it was', 'empty', 'older', 'older']),
      downMs: random.whole(5, 300),
    },
    { what: 'redis is backed up' },
    { what: 'redis is backed up' },
    { what: 'a mailbox is lost', of: random.whole(0, skus - 1) },
    { what: 'postgres restarts', downMs: random.whole(5, 300) },
    { what: 'a session ends', which },
    { what: 'a process dies', which },
    { what: 'a worker is stopped', which },
    { what: 'a process stands still', which, ms: random.pick([100, 600, 2_600, 2_600]) },
  ])
}
