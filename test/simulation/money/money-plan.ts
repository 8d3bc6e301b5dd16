/** What a seed stands for, of the money: the shop, the weather, the provider's moods, and which accidents happen when. */
import { type SeededRandom, seededRandom } from '../../../src/kernel/random.ts'
import type { Ambush, Weather } from '../network.ts'

/** Who sells the SKUs of a story, in their order. */
export const sellers = ['seller-1', 'seller-2'] as const

/** Every verb that a process may die at. */
export const moneyVerbs = [
  ...[
    ...['begin', 'capture', 'change', 'byIntent', 'payment', 'ended', 'open', 'view'],
    ...[
      'countWaiting',
      'takeWaiting',
      'putBack',
      'takeOverdue',
      'lease',
      'leaveKey',
      'reclaimedLines',
    ],
    ...['overdueReclaims', 'expireDue', 'giveUp', 'claimRefunds', 'noteRefund', 'changeRefunds'],
    ...['checkoutOfRefund', 'failedRefundsDue'],
  ].map((verb) => `money.${verb}`),
  ...[
    ...['createAndConfirm', 'burnKey', 'findIntents', 'confirmIntent', 'retrieveIntent'],
    ...['cancelIntent', 'createRefund', 'listRefunds', 'checkAccess'],
  ].map((verb) => `provider.${verb}`),
  ...['inbox.claim', 'inbox.end', 'inbox.fail', 'outbox.claim', 'outbox.end', 'outbox.fail'],
  ...['gates.post', 'shop.cancelOrder', 'shop.refundOrder'],
]

/** Those that are called once in a while only. */
const rareVerbs = [
  ...['money.leaveKey', 'money.overdueReclaims', 'money.reclaimedLines', 'money.noteRefund'],
  ...['provider.burnKey', 'provider.findIntents', 'provider.checkAccess'],
]

export type MoneyAccident =
  | { readonly what: 'the provider is away'; readonly ms: number }
  | { readonly what: 'the provider bars the key'; readonly ms: number }
  | { readonly what: 'the provider is busy'; readonly ms: number; readonly chance: number }
  | { readonly what: 'the provider breaks down'; readonly ms: number; readonly chance: number }
  | { readonly what: 'postgres is away'; readonly ms: number }
  | { readonly what: 'a process dies'; readonly which: number }
  | { readonly what: 'a process stands still'; readonly which: number; readonly ms: number }
  | { readonly what: 'somebody else pays'; readonly which: number }
  | { readonly what: 'somebody else refunds'; readonly which: number; readonly part: number }
  | ({ readonly what: 'a seller refunds'; readonly which: number } & SellersWish)

/** What a seller, or an operator (null), gives back: all of theirs, one unit, or an amount. */
export interface SellersWish {
  readonly sellerId: string | null
  readonly wants: 'all' | 'a unit' | 'an amount'
  readonly restock: boolean
}

export interface MoneyPlan {
  readonly seed: number
  readonly buyers: number
  readonly units: readonly number[]
  readonly holdSeconds: number
  readonly outage: 'release' | 'keep'
  readonly declinesMax: number
  /** Calls a second that the provider allows; null: no limit is known. */
  readonly callsPerSecond: number | null
  readonly activeMs: number
  readonly startMs: number
  readonly weather: Weather
  /** Of a request that reaches the provider once more, or for the first time, long after it was sent. */
  readonly strayChance: number
  readonly eventsLost: number
  readonly eventsRepeated: number
  readonly eventsLateMs: number
  /** Of a refund that its bank returns after it had succeeded. */
  readonly lateFailures: number
  /** How long owners take over a command, at most. */
  readonly ownersMs: number
  readonly ambushes: readonly Ambush[]
  readonly accidents: readonly { readonly atMs: number; readonly accident: MoneyAccident }[]
}

const usuallyMs = 100_000
/** Once in a while the provider is away, or bars the key, for longer than any hold is spared. */
const longMs = 4_200_000

export function moneyPlanOf(seed: number): MoneyPlan {
  const random = seededRandom(seed)
  const storm = random.pick([0, 0.5, 1])
  const activeMs = random.chance(0.03) ? longMs : usuallyMs
  return {
    seed,
    buyers: random.whole(3, 6),
    units: [random.whole(1, 3), random.whole(1, 4)],
    holdSeconds: random.pick([10, 25, 60]),
    outage: random.pick(['release', 'keep']),
    declinesMax: random.pick([2, 3, 5]),
    callsPerSecond: random.pick([null, null, 0.3, 2]),
    activeMs,
    startMs: 1_900_022_400_000,
    weather: {
      ...{ wayMs: random.pick([2, 20, 60]), slowChance: storm * 0.1, slowMs: 400 },
      ...{ lostChance: storm * 0.03, answerLostChance: storm * 0.04, lateChance: storm * 0.03 },
      patienceMs: random.pick([300, 2_000]),
    },
    strayChance: random.pick([0, 0.05, 0.3]),
    eventsLost: random.pick([0, 0.2, 0.6, 1]),
    eventsRepeated: random.pick([0, 0.3]),
    eventsLateMs: random.pick([200, 3_000, 30_000]),
    lateFailures: random.pick([0, 0, 0.3]),
    ownersMs: random.pick([50, 500, 8_000]),
    ambushes: Array.from({ length: random.whole(0, 5) }, () => ambushOf(random)),
    accidents: accidentsOf(random, activeMs),
  }
}

function ambushOf(random: SeededRandom): Ambush {
  const moment = random.pick(['before', 'after'] as const)
  return random.chance(0.6)
    ? { verb: random.pick(rareVerbs), moment, nth: 1 }
    : { verb: random.pick(moneyVerbs), moment, nth: Math.ceil(random.next() ** 3 * 6) }
}

function accidentsOf(random: SeededRandom, activeMs: number): MoneyPlan['accidents'] {
  const what = random.pick(['the provider is away', 'the provider bars the key'] as const)
  const long = { atMs: random.next() * 40_000, accident: { what, ms: longMs } }
  const accidents = Array.from({ length: random.whole(0, 6) }, () => ({
    atMs: Math.floor(random.next() * (usuallyMs - 1_000)),
    accident: accidentOf(random),
  })).sort((a, b) => a.atMs - b.atMs)
  return activeMs === longMs ? [...accidents, long] : accidents
}

function accidentOf(random: SeededRandom): MoneyAccident {
  const which = random.whole(0, 99)
  const ms = random.pick([1_000, 10_000, 45_000])
  return random.pick<MoneyAccident>([
    { what: 'the provider is away', ms },
    { what: 'the provider bars the key', ms },
    { what: 'the provider is busy', ms, chance: random.pick([0.3, 1]) },
    { what: 'the provider breaks down', ms, chance: random.pick([0.3, 1]) },
    { what: 'postgres is away', ms: ms / 10 },
    { what: 'a process dies', which },
    { what: 'a process stands still', which, ms: random.pick([3_000, 20_000, 40_000]) },
    { what: 'somebody else pays', which },
    { what: 'somebody else refunds', which, part: random.pick([0.3, 1]) },
    ...wishesOf(random).map((wish) => ({ what: 'a seller refunds', which, ...wish }) as const),
  ])
}

/** One of each kind: sellers are busy people. */
function wishesOf(random: SeededRandom): SellersWish[] {
  return (['all', 'a unit', 'an amount'] as const).map((wants) => ({
    ...{ wants, sellerId: random.pick([...sellers, null]) },
    restock: wants !== 'an amount' && random.chance(0.5),
  }))
}
