/** Buyers and sellers: they press, wait, press again with the same key, and change their minds. */
import type { SeededRandom } from '../../src/kernel/random.ts'
import type { Answer, ApiProcess, Purchase } from './api-process.ts'
import type { Line } from './memory-shop.ts'
import type { SimProcess } from './sim-process.ts'
import { offerOf, type Stage } from './stage.ts'

/** How long a person waits for an answer, in milliseconds. */
const patienceMs = 1_500
const triesMax = 4
/** When the first of them come: most owners have their partitions by then. */
const openingMs = 500
/** How often a buyer tries to pay for what is not reserved yet. */
const paymentsMax = 4

interface Done {
  readonly key: string
  readonly purchase: Purchase
}

export class People {
  readonly #stage: Stage
  readonly #apis: () => readonly ApiProcess[]
  readonly #outside: SimProcess
  readonly #random: SeededRandom

  constructor(stage: Stage, apis: () => readonly ApiProcess[]) {
    this.#stage = stage
    this.#apis = apis
    this.#outside = stage.process('people')
    this.#random = stage.random
  }

  /** Sends all of them on their way; they are home when the active time is over, or a little later. */
  start(): void {
    const { plan } = this.#stage
    for (let n = 0; n < plan.buyers; n++) void this.#buyer(this.#stage.ids())
    void this.#seller()
  }

  /** SKUs that somebody has asked for, and has been answered, since the world is calm. */
  readonly served = new Set<string>()

  /** Somebody new asks for a unit of each SKU: whatever has happened, there is an answer. */
  async probe(): Promise<void> {
    for (const { sku } of this.#stage.plan.skus) {
      const [buyerId, key] = [this.#stage.ids(), this.#stage.ids()]
      const answer = await this.#insist({ buyerId, key, lines: [{ sku, quantity: 1 }] })
      if (answer.tag !== 'unavailable') this.served.add(sku)
    }
  }

  /** Asks an API process over HTTP; null when no answer comes in time. */
  ask<T>(api: ApiProcess, run: (api: ApiProcess) => Promise<T>): Promise<T | null> {
    const { scheduler, network } = this.#stage
    return new Promise((resolve) => {
      const given = scheduler.plan(patienceMs, () => resolve(null))
      const answer = (value: T | null) => {
        scheduler.plan(network.way(), () => resolve(value))
        given.cancelled = true
      }
      scheduler.plan(network.way(), () => {
        api.process.deliver(() => void run(api).then(answer, () => answer(null)))
      })
    })
  }

  async #buyer(buyerId: string): Promise<void> {
    const random = this.#random
    const done: Done[] = []
    const { activeMs } = this.#stage.plan
    await this.#outside.clock.sleep(openingMs)
    await this.#rest(activeMs / 2)
    for (let n = random.whole(1, 4); n > 0 && this.#stage.scheduler.now < activeMs; n--) {
      const purchase = this.#purchase(buyerId, done)
      done.push({ key: purchase.key, purchase })
      const answer = await this.#insist(purchase)
      if (answer.tag === 'accepted') void this.#goOn(answer.id, purchase)
      await this.#rest(activeMs / 4)
    }
  }

  /** A new wish; or an old key: with its old body, or, by mistake, with another one. */
  #purchase(buyerId: string, done: readonly Done[]): Purchase {
    const random = this.#random
    const lines = this.#lines()
    if (done.length === 0 || random.chance(0.6)) return { buyerId, key: this.#stage.ids(), lines }
    const { key, purchase } = random.pick(done)
    return random.chance(0.6) ? purchase : { buyerId, key, lines }
  }

  #lines(): Line[] {
    const random = this.#random
    const { skus } = this.#stage.plan
    const several = random.chance(0.3)
    const wanted = several ? random.some(skus, 2) : [random.pick(skus)]
    return wanted
      .map(({ sku }) => ({ sku, quantity: random.pick([1, 1, 1, 2]) }))
      .sort((a, b) => (a.sku < b.sku ? -1 : 1))
  }

  /** Presses again with the same key, at any API process, until there is an answer. */
  async #insist(purchase: Purchase): Promise<Answer> {
    for (let n = 0; n < triesMax; n++) {
      const answer = await this.ask(this.#random.pick(this.#apis()), (api) => api.buy(purchase))
      this.#stage.story.note('people', 'buy', purchase, answer)
      if (answer && answer.tag !== 'unavailable') return answer
      await this.#rest(200)
    }
    return { tag: 'unavailable' }
  }

  /** What becomes of a checkout: paid, paid late, given up, or forgotten. */
  async #goOn(id: string, { buyerId, lines }: Purchase): Promise<void> {
    const random = this.#random
    const fate = random.next()
    if (fate < 0.25) {
      await this.#rest(random.pick([0, 400, 2_500]))
      await this.#try((api) => api.cancel(id, buyerId))
    } else if (fate < 0.85) {
      const late = fate > 0.5
      await this.#rest(late ? 2_000 : 500)
      // Who pays late and believes it came to nothing buys again at once.
      if (late) void this.#buyAgain(buyerId, lines)
      for (let n = 0; n < paymentsMax; n++) {
        if (await this.#try((api) => api.pay(id))) break
        await this.#rest(600)
      }
      if (random.chance(0.3)) {
        await this.#rest(random.pick([0, 800]))
        await this.#try((api) => api.cancelOrder(id))
      }
    }
  }

  async #buyAgain(buyerId: string, lines: readonly Line[]): Promise<void> {
    await this.#rest(8 * this.#stage.network.weather.wayMs)
    await this.#insist({ buyerId, key: this.#stage.ids(), lines: lines.slice(0, 1) })
  }

  async #seller(): Promise<void> {
    const random = this.#random
    const { plan, offers } = this.#stage
    for (let n = random.whole(1, 5); n > 0; n--) {
      await this.#rest(plan.activeMs / 3)
      const { sku, limit } = random.pick(plan.skus)
      const does = random.next()
      if (does < 0.2) await this.#try((api) => api.available(sku))
      else if (does < 0.4) {
        offers.set(sku, offerOf(sku, limit, 100 + n))
        await this.#try((api) => api.refreshTerms(sku))
      } else await this.#try((api) => api.restock(sku, random.pick([-2, -1, 1, 2])))
    }
  }

  async #try<T>(run: (api: ApiProcess) => Promise<T>): Promise<T | null> {
    return this.ask(this.#random.pick(this.#apis()), run)
  }

  #rest(msMax: number): Promise<void> {
    return this.#outside.clock.sleep(this.#random.next() * msMax)
  }
}
