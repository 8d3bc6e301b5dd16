/** A story about money from its seed to its end. */
import { type Ambush, calm } from '../network.ts'
import type { SimProcess } from '../sim-process.ts'
import { MoneyApi } from './money-api.ts'
import { MoneyBuyers } from './money-buyers.ts'
import { MoneyJudge } from './money-judge.ts'
import type { MoneyMutants } from './money-mutants.ts'
import { type MoneyAccident, moneyPlanOf, type SellersWish } from './money-plan.ts'
import { MoneyStage } from './money-stage.ts'
import { MoneyWorker } from './money-worker.ts'
import { healthy } from './provider-words.ts'

/** After the active time, everything has come to rest within this, in virtual milliseconds. */
const restMs = 3_000_000
const lookEveryMs = 2_000
/** How long a dead process stays away, at most. */
const awayMs = 5_000

export interface MoneyEnding {
  readonly seed: number
  /** What was wrong; empty: every guarantee held. */
  readonly breaches: readonly string[]
  readonly ambushed: readonly Ambush[]
  readonly text: (count?: number) => string
}

/** Tells the story of a seed. The same seed, with the same rules, has the same story. */
export function runMoneyStory(seed: number, mutants: MoneyMutants = {}): Promise<MoneyEnding> {
  return new MoneyWorld(seed, mutants).run()
}

class MoneyWorld {
  readonly #stage: MoneyStage
  readonly #members: (MoneyApi | MoneyWorker)[] = []
  readonly #buyers: MoneyBuyers
  readonly #judge: MoneyJudge

  constructor(seed: number, mutants: MoneyMutants) {
    this.#stage = new MoneyStage(moneyPlanOf(seed), mutants)
    const apis = () => this.#members.filter((each) => each instanceof MoneyApi)
    this.#buyers = new MoneyBuyers(this.#stage, apis)
    this.#judge = new MoneyJudge(this.#stage, this.#buyers)
  }

  async run(): Promise<MoneyEnding> {
    const { plan, scheduler, network, story, ambushed } = this.#stage
    const { activeMs, seed } = plan
    network.weather = plan.weather
    for (const place of [0, 1, 2, 3]) this.#begin(place, 1)
    for (const { atMs, accident } of plan.accidents) {
      scheduler.plan(atMs, () => this.#happen(accident))
    }
    this.#buyers.start()
    this.#lookOften()
    scheduler.plan(activeMs, () => this.#calmDown())
    const judge = this.#judge
    const isOver = () =>
      judge.breaches.length > 0 || (scheduler.now > activeMs && judge.unrest === null)
    let checkedAt = 0
    await scheduler.run(activeMs + restMs, () => {
      if (scheduler.now - checkedAt < 1_000) return false
      checkedAt = scheduler.now
      return isOver()
    })
    if (judge.breaches.length === 0) judge.close()
    return { seed, breaches: judge.breaches, ambushed, text: (count) => story.text(count) }
  }

  #calmDown(): void {
    const stage = this.#stage
    stage.network.weather = calm
    stage.provider.mood = healthy()
    stage.strayChance = 0
    stage.stripe.up = true
    stage.postgres.up = true
    stage.story.note('world', 'calms down')
  }

  /** Starts the process of a place: two places are for API processes, two for workers. */
  #begin(place: number, life: number): void {
    const stage = this.#stage
    const name = `${place < 2 ? 'api' : 'worker'}${place % 2}.${life}`
    const member = place < 2 ? new MoneyApi(stage, name) : new MoneyWorker(stage, name)
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

  #happen(accident: MoneyAccident): void {
    const { story, provider, stripe, postgres } = this.#stage
    const { mood } = provider
    story.note('world', accident.what, accident)
    switch (accident.what) {
      case 'the provider is away':
        this.#breakOff(stripe, accident.ms)
        break
      case 'postgres is away':
        this.#breakOff(postgres, accident.ms)
        break
      case 'the provider bars the key':
        mood.barred = true
        this.#later(accident.ms, () => {
          mood.barred = false
        })
        break
      case 'the provider is busy':
        mood.busy = accident.chance
        this.#later(accident.ms, () => {
          mood.busy = 0
        })
        break
      case 'the provider breaks down':
        mood.broken = accident.chance
        this.#later(accident.ms, () => {
          mood.broken = 0
        })
        break
      case 'a process dies':
        this.#process(accident.which).die()
        break
      case 'a process stands still':
        this.#process(accident.which).pause(accident.ms)
        break
      case 'somebody else pays':
        this.#payStrangely(accident.which)
        break
      case 'somebody else refunds':
        this.#refundElsewhere(accident)
        break
      case 'a seller refunds':
        this.#refundOrder(accident.which, accident)
    }
  }

  #breakOff(link: { up: boolean; breaks: number }, ms: number): void {
    link.up = false
    link.breaks += 1
    this.#later(ms, () => {
      link.up = true
    })
  }

  #later(ms: number, run: () => void): void {
    this.#stage.scheduler.plan(ms, run)
  }

  #process(which: number): SimProcess {
    return (this.#members[which % this.#members.length] as MoneyApi | MoneyWorker).process
  }

  #refundElsewhere({ which, part }: { readonly which: number; readonly part: number }): void {
    const { provider } = this.#stage
    const charged = [...provider.intents.values()].filter(
      ({ received, strange }) => received > 0 && !strange,
    )
    const intent = charged[which % Math.max(charged.length, 1)]
    if (intent) provider.refundElsewhere(intent.id, part)
  }

  #refundOrder(which: number, wish: SellersWish): void {
    const paid = [...this.#stage.tables.orders.values()].filter(({ state }) => state === 'paid')
    const order = paid[which % Math.max(paid.length, 1)]
    const api = this.#members[which % 2] as MoneyApi
    if (order) api.process.deliver(() => void api.refund(order.id, wish))
  }

  /** Only where the checkout's own intent is known: before that nobody can tell them apart. */
  #payStrangely(which: number): void {
    const known = [...this.#stage.tables.payments.values()].filter(
      ({ intentId }) => intentId !== null,
    )
    const payment = known[which % Math.max(known.length, 1)]
    if (!payment) return
    const { checkoutId, amount, currency } = payment
    this.#stage.provider.payStrangely(checkoutId, amount, currency)
  }
}
