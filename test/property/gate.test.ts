// A model of ten lines against the real scripts: whatever buyers ask in whatever batches, and however
// late, twice or in whatever order commits are settled, the gate says what the model says, never grants
// more than there is, and strands nothing. FC_RUNS sets how many runs; a failure prints seed and path.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { RedisClient } from '../../src/platform/redis/client.ts'
import { buildGate, openTestRedis, type TestGate } from '../support/gate.ts'

const buyers = [0, 1, 2, 3].map((i) => `01a1fbe4-b035-702f-8014-93ebab64900${i}`)
const runs = Number(process.env.FC_RUNS ?? 60)

interface Asked {
  readonly buyer: number
  readonly units: number
  readonly key: number
}

type Step =
  | { readonly do: 'admit'; readonly asked: readonly Asked[] }
  /** Commit the next entries; what was granted to an even key is kept, to an odd one rejected. */
  | { readonly do: 'commit'; readonly entries: number }
  /** Settle a commit of the past again: the n-th. */
  | { readonly do: 'settle'; readonly which: number }
  | { readonly do: 'restock'; readonly units: number }

interface Entry {
  readonly granted: number
  readonly free: number
  /** Buyer and units of what the ledger will not keep. */
  readonly rejected: readonly (readonly [number, number])[]
}

class Model {
  units: number
  granted = 0
  readonly counts = [0, 0, 0, 0]
  readonly keys = new Set<string>()
  readonly entries: Entry[] = []
  readonly limit: number
  readonly waitingMax: number
  settledGranted = 0

  constructor(units: number, limit: number, waitingMax: number) {
    this.units = units
    this.limit = limit
    this.waitingMax = waitingMax
  }

  ask({ buyer, units, key }: Asked): string {
    if (this.keys.has(`${buyer} ${key}`)) return 'repeated'
    if ((this.counts[buyer] as number) + units > this.limit) return 'over_limit'
    if (this.units < units) return 'sold_out'
    if (this.granted - this.settledGranted + units > this.waitingMax) return 'full'
    this.keys.add(`${buyer} ${key}`)
    this.counts[buyer] = (this.counts[buyer] as number) + units
    this.units -= units
    this.granted += units
    return 'granted'
  }
}

interface Ledger {
  free: number
  held: number
  granted: number
  cursor: number
}

const asked = fc.record({
  buyer: fc.nat(3),
  units: fc.integer({ min: 1, max: 4 }),
  key: fc.nat(9),
})
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('admit' as const),
      asked: fc.array(asked, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('commit' as const),
      entries: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('settle' as const), which: fc.nat(20) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('restock' as const),
      units: fc.integer({ min: -3, max: 5 }),
    }),
  },
)

interface Settle {
  readonly cursor: number
  readonly free: number
  readonly granted: number
  readonly deltas: readonly (string | number)[]
}

/** One run: the real gate, the model, and a ledger that commits entries as an actor would. */
class Run {
  readonly #gate: TestGate
  readonly #model: Model
  readonly #ledger: Ledger
  readonly #initial: number
  /** Settles that were due: they may be sent late, again, or in another order. */
  readonly #settles: Settle[] = []
  #settled = 0
  #restocked = 0

  constructor(gate: TestGate, model: Model) {
    this.#gate = gate
    this.#model = model
    this.#initial = model.units
    this.#ledger = { free: model.units, held: 0, granted: 0, cursor: 0 }
  }

  async take(step: Step): Promise<void> {
    if (step.do === 'admit') await this.#admit(step.asked)
    else if (step.do === 'commit') await this.#commit(step.entries)
    else if (step.do === 'restock') await this.#restock(step.units)
    else {
      const settle = this.#settles[step.which % Math.max(1, this.#settles.length)]
      if (settle) await this.#settle(settle)
    }
    await this.check()
  }

  async #admit(requests: readonly Asked[]): Promise<void> {
    const reply = await this.#gate.admit(
      requests.map(({ buyer, units, key }) => ({
        buyer: buyers[buyer] as string,
        units,
        key: `k${key}`,
      })),
      { waitingMax: this.#model.waitingMax },
    )
    const said = requests.map((request) => this.#model.ask(request))
    assert.equal(reply.tag, 'admitted')
    assert.deepEqual(reply.tag === 'admitted' && reply.admissions.map(({ tag }) => tag), said)
    const granted = requests.filter((_, i) => said[i] === 'granted')
    if (granted.length === 0) return
    this.#model.entries.push({
      granted: this.#model.granted,
      free: -granted.reduce((sum, { units, key }) => sum + (key % 2 === 0 ? units : 0), 0),
      rejected: granted.flatMap(({ buyer, units, key }) =>
        key % 2 === 0 ? [] : [[buyer, units] as const],
      ),
    })
  }

  async #restock(units: number): Promise<void> {
    const take = Math.max(0, -units)
    const reply = await this.#gate.post('["restock"]', take)
    const enough = this.#model.units >= take
    assert.equal(reply.tag, enough ? 'posted' : 'short')
    if (!enough) return
    this.#model.units -= take
    this.#model.granted += take
    this.#restocked += units
    this.#model.entries.push({ granted: this.#model.granted, free: units, rejected: [] })
  }

  async #commit(count: number): Promise<void> {
    const entries = this.#model.entries.splice(0, count)
    const last = entries.at(-1)
    if (!last) return
    const deltas = entries.flatMap(({ rejected }) =>
      rejected.flatMap(([buyer, units]) => [buyers[buyer] as string, -units]),
    )
    const change = entries.reduce((sum, { free }) => sum + free, 0)
    this.#ledger.free += change
    this.#ledger.granted = last.granted
    this.#ledger.cursor += entries.length
    const { cursor, free, granted } = this.#ledger
    const settle = { cursor, free, granted, deltas }
    this.#settles.push(settle)
    // The owner sends a list of counts before it commits the next batch; others it need not wait for.
    if (deltas.length > 0) await this.#settle(settle)
  }

  async #settle(settle: Settle): Promise<void> {
    const { deltas, ...to } = settle
    const reply = await this.#gate.settle(to, deltas)
    if (to.cursor > this.#settled) {
      this.#settled = to.cursor
      this.#model.units = to.free - (this.#model.granted - to.granted)
      this.#model.settledGranted = to.granted
      for (let i = 0; i < deltas.length; i += 2) {
        const buyer = buyers.indexOf(deltas[i] as string)
        this.#model.counts[buyer] =
          (this.#model.counts[buyer] as number) + (deltas[i + 1] as number)
      }
    }
    assert.ok(reply.tag === 'settled' && reply.units === this.#model.units, JSON.stringify(reply))
  }

  async check(): Promise<void> {
    const { gate, buyers: counts } = await this.#gate.everything()
    assert.equal(Number(gate.units), this.#model.units)
    assert.equal(Number(gate.granted), this.#model.granted)
    assert.ok(Number(gate.units) >= 0, 'the gate grants more than there is')
    assert.ok(this.#ledger.free >= 0, 'more was granted than there was')
    assert.deepEqual(
      buyers.map((buyer) => Number(counts[buyer] ?? 0)),
      this.#model.counts,
    )
    // Promise 2, once the last commit is settled.
    if (this.#settled === this.#ledger.cursor) {
      const ahead = Number(gate.granted) - this.#ledger.granted
      assert.equal(Number(gate.units), this.#ledger.free - ahead)
    }
  }

  async finish(): Promise<void> {
    await this.#commit(Number.POSITIVE_INFINITY)
    for (const settle of this.#settles) await this.#settle(settle)
    await this.check()
    const { gate, mailbox } = await this.#gate.everything()
    assert.equal(Number(gate.units), this.#ledger.free, 'units are stranded')
    assert.ok(this.#ledger.free <= this.#initial + this.#restocked)
    assert.deepEqual(mailbox, [])
  }
}

test('the gate does what its model does, whatever is asked and settled in whatever order', async (t) => {
  const { redis } = await openTestRedis(t)
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        units: fc.integer({ min: 0, max: 12 }),
        limit: fc.integer({ min: 1, max: 6 }),
        waitingMax: fc.constantFrom(3, 8, 1_000),
      }),
      fc.array(step, { minLength: 1, maxLength: 25 }),
      (start, steps) => oneRun(redis, start, steps),
    ),
    { numRuns: runs },
  )
})

async function oneRun(
  redis: RedisClient,
  { units, limit, waitingMax }: { units: number; limit: number; waitingMax: number },
  steps: readonly Step[],
): Promise<void> {
  await redis.flushall()
  const gate = await buildGate(redis, { units, limit })
  const run = new Run(gate, new Model(units, limit, waitingMax))
  for (const step of steps) await run.take(step)
  await run.finish()
}
