/** A story from its seed to its end: processes live, die and come back, stores have accidents, and a judge looks on. */
import { ApiProcess } from './api-process.ts'
import { Judge } from './judge.ts'
import type { Mutants } from './mutants.ts'
import { type Ambush, calm } from './network.ts'
import { People } from './people.ts'
import { type Accident, type Plan, planOf } from './plan.ts'
import { Receipts } from './receipts.ts'
import type { SimProcess } from './sim-process.ts'
import { Stage } from './stage.ts'
import { checkoutsIn } from './stores/checkouts-in.ts'
import type { RedisKeys } from './stores/redis-data.ts'
import { WorkerProcess } from './worker-process.ts'

/** After the active time, everything has come to rest within this, in virtual milliseconds. */
const restMs = 25_000
/** So long after the active time somebody asks for a unit of each SKU. */
const probeMs = 500
/** How often the judge looks. */
const lookEveryMs = 100
/** How long a dead process stays away, at most. */
const awayMs = 900

export interface Ending {
  readonly seed: number
  /** What was wrong; empty: every guarantee held. */
  readonly breaches: readonly string[]
  readonly ambushed: readonly Ambush[]
  /** The story as text, its last notes. */
  readonly text: (count?: number) => string
}

export interface Changed {
  /** Rules that are broken on purpose. */
  readonly mutants?: Mutants
  /** Instead of what the seed says. */
  readonly locksHold?: boolean
}

/** Tells the story of a seed. The same seed, unchanged, has the same story. */
export async function runStory(seed: number, changed: Changed = {}): Promise<Ending> {
  const { mutants = {}, ...rest } = changed
  return new World({ ...planOf(seed), ...rest }, mutants).run()
}

type Member = ApiProcess | WorkerProcess

class World {
  readonly #stage: Stage
  readonly #receipts = new Receipts()
  readonly #members: Member[] = []
  readonly #people: People
  readonly #judge: Judge
  #backup: RedisKeys | undefined

  constructor(plan: Plan, mutants: Mutants) {
    this.#stage = new Stage(plan, mutants)
    const apis = () => this.#members.filter((each) => each instanceof ApiProcess)
    this.#people = new People(this.#stage, apis)
    this.#judge = new Judge(this.#stage, this.#receipts, this.#people.served)
  }

  async run(): Promise<Ending> {
    const { plan, scheduler, network, story, ambushed } = this.#stage
    const { activeMs, seed } = plan
    network.weather = plan.weather
    for (const at of [0, 1, 2, 3]) this.#begin(at, 1)
    for (const { atMs, accident } of plan.accidents)
      scheduler.plan(atMs, () => this.#happen(accident))
    this.#people.start()
    this.#lookOften()
    if (plan.probed) scheduler.plan(activeMs + probeMs, () => void this.#people.probe())
    scheduler.plan(activeMs, () => {
      network.weather = calm
      this.#stage.messagesLost = 0
      this.#stage.locksHold = true
      story.note('world', 'calms down')
    })
    const judge = this.#judge
    await scheduler.run(activeMs + restMs, () => judge.breaches.length > 0 || judge.atRest)
    if (judge.breaches.length === 0) judge.close()
    return { seed, breaches: judge.breaches, ambushed, text: (count) => story.text(count) }
  }

  /** Starts the process of a place: two places are for API processes, two for workers. */
  #begin(place: number, life: number): void {
    const stage = this.#stage
    const name = `${place < 2 ? 'api' : 'worker'}${place % 2}.${life}`
    const member =
      place < 2 ? new ApiProcess(stage, this.#receipts, name) : new WorkerProcess(stage, name)
    this.#members[place] = member
    member.process.onDeath(() => {
      stage.story.note(name, 'is dead')
      stage.scheduler.plan(stage.random.next() * awayMs, () => this.#begin(place, life + 1))
    })
  }

  #lookOften(): void {
    this.#judge.look()
    this.#stage.scheduler.plan(lookEveryMs, () => this.#lookOften())
  }

  #happen(accident: Accident): void {
    const { story, redis } = this.#stage
    story.note('world', accident.what, accident)
    switch (accident.what) {
      case 'redis is backed up':
        this.#backup = redis.snapshot()
        break
      case 'redis restarts':
        this.#restartRedis(accident.leaves, accident.downMs)
        break
      case 'a mailbox is lost':
        this.#loseMailbox(accident.of)
        break
      case 'postgres restarts':
        this.#restartPostgres(accident.downMs)
        break
      case 'a session ends': {
        const { open } = this.#stage.owners
        open[accident.which % Math.max(open.length, 1)]?.end()
        break
      }
      case 'a process dies':
        this.#process(accident.which).die()
        break
      case 'a worker is stopped':
        this.#workers[accident.which % 2]?.stop()
        break
      case 'a process stands still':
        this.#process(accident.which).pause(accident.ms)
    }
  }

  get #workers(): WorkerProcess[] {
    return this.#members.filter((each) => each instanceof WorkerProcess)
  }

  #process(which: number): SimProcess {
    return (this.#members[which % this.#members.length] as Member).process
  }

  #restartRedis(leaves: 'as it was' | 'empty' | 'older', downMs: number): void {
    const { redis, redisLink, scheduler } = this.#stage
    const before = checkoutsIn(redis.keys)
    redisLink.up = false
    redisLink.breaks += 1
    if (leaves !== 'older') redis.restart(leaves)
    else redis.restart(this.#backup ? { older: this.#backup } : 'empty')
    this.#receipts.excuse(before, checkoutsIn(redis.keys))
    for (const { wakes, process } of this.#members) if (process.alive) wakes.reconnect()
    scheduler.plan(downMs, () => {
      redisLink.up = true
    })
  }

  #loseMailbox(of: number): void {
    const { redis, plan } = this.#stage
    const lost = plan.skus[of]
    const keys = lost && redis.keys.get(lost.partition)?.skus.get(lost.sku)
    if (!lost || !keys?.gate || keys.mailbox.length === 0) return
    const before = checkoutsIn(redis.keys)
    keys.mailbox = []
    this.#receipts.excuse(before, checkoutsIn(redis.keys))
    this.#receipts.excuseFrom(lost.sku, keys.gate.generation)
  }

  #restartPostgres(downMs: number): void {
    const { owners, postgresLink, scheduler } = this.#stage
    postgresLink.up = false
    postgresLink.breaks += 1
    for (const session of owners.open) session.end()
    scheduler.plan(downMs, () => {
      postgresLink.up = true
    })
  }
}
