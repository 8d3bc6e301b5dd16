/** Buyers: they pay, press twice, try another card, answer their bank or do not, wait, and change their minds. */
import type { SeededRandom } from '../../../src/kernel/random.ts'
import type { SimProcess } from '../sim-process.ts'
import { cardNames } from './cards.ts'
import type { MoneyAnswer, MoneyApi } from './money-api.ts'
import { type MoneyStage, skus } from './money-stage.ts'

const pressesMax = 7
/** How long buyers go on coming. */
const openMs = 60_000
/** How long a browser waits for an answer. */
const patienceMs = 20_000

/** What a buyer was told, and has asked for. */
export interface Diary {
  readonly checkoutId: string
  readonly answers: MoneyAnswer[]
  cancelled: boolean
}

export class MoneyBuyers {
  readonly diaries: Diary[] = []
  /** Buyers who are not home yet. */
  away = 0
  readonly #stage: MoneyStage
  readonly #apis: () => readonly MoneyApi[]
  readonly #outside: SimProcess
  readonly #random: SeededRandom

  constructor(stage: MoneyStage, apis: () => readonly MoneyApi[]) {
    this.#stage = stage
    this.#apis = apis
    this.#outside = stage.process('buyers')
    this.#random = stage.random
  }

  start(): void {
    for (let n = 0; n < this.#stage.plan.buyers; n++) void this.#buyer()
  }

  async #buyer(): Promise<void> {
    this.away += 1
    await this.#buy().finally(() => {
      this.away -= 1
    })
  }

  async #buy(): Promise<void> {
    const stage = this.#stage
    const random = this.#random
    const { clock } = this.#outside
    const buyerId = stage.ids()
    await clock.sleep(random.next() * openMs)
    const wanted = random.pick([[skus[0]], [skus[1]], [...skus]])
    const checkoutId = stage.reserve(buyerId, wanted, random.chance(0.5) ? 2 : 1)
    if (checkoutId === null) return
    const diary: Diary = { checkoutId, answers: [], cancelled: false }
    this.diaries.push(diary)
    if (random.chance(0.25)) void this.#cancelLater(diary, buyerId)
    const inOneCall = random.chance(0.25)
    const cards = [random.pick(cardNames), random.pick(cardNames)]
    for (let n = 0; n < pressesMax; n++) {
      await clock.sleep(random.next() * (n === 0 ? 2_000 : 6_000))
      const pressed = { checkoutId, buyerId, inOneCall, waitMs: random.pick([500, 10_000]) }
      const card = random.pick(cards)
      if (random.chance(0.2)) void this.#press(diary, { ...pressed, card: random.pick(cards) })
      const answer = await this.#press(diary, { ...pressed, card })
      if (answer?.tag === 'confirmed') return
      if (answer?.tag === 'problem' && !mayTryAgain(answer)) return
      if (answer?.tag === 'paying') {
        if (answer.clientSecret !== null) await this.#atBank(answer.clientSecret)
        else await clock.sleep(random.next() * answer.pollAfterMs * 2)
      }
    }
  }

  async #atBank(clientSecret: string): Promise<void> {
    const { clock } = this.#outside
    const intentId = clientSecret.replace('_secret', '')
    if (this.#random.chance(0.15)) return
    const agrees = this.#random.chance(0.8)
    await clock.sleep(this.#random.next() * this.#random.pick([3_000, 3_000, 60_000]))
    this.#stage.story.note('buyers', agrees ? 'agrees' : 'refuses', intentId)
    this.#stage.provider.authenticate(intentId, agrees)
  }

  async #cancelLater(diary: Diary, buyerId: string): Promise<void> {
    await this.#outside.clock.sleep(this.#random.next() * 40_000)
    diary.cancelled = true
    await this.#ask((api) => api.cancel(diary.checkoutId, buyerId))
  }

  async #press(diary: Diary, press: Parameters<MoneyApi['pay']>[0]): Promise<MoneyAnswer | null> {
    const { story } = this.#stage
    story.note('buyers', 'pays', press)
    const answer = await this.#ask((api) => api.pay(press))
    story.note('buyers', 'is told', press.checkoutId, answer)
    if (answer) diary.answers.push(answer)
    return answer
  }

  /** Asks an API process over HTTP; null when no answer comes in time. */
  #ask<T>(run: (api: MoneyApi) => Promise<T>): Promise<T | null> {
    const { scheduler, network } = this.#stage
    const api = this.#random.pick(this.#apis())
    return new Promise((resolve) => {
      const given = scheduler.plan(patienceMs, () => resolve(null))
      scheduler.plan(network.way(), () =>
        api.process.deliver(() => {
          void run(api).then((value) => {
            scheduler.plan(network.way(), () => resolve(value))
            given.cancelled = true
          })
        }),
      )
    })
  }
}

const again = ['card_declined', 'payment_unavailable', 'overloaded', 'validation_failed']

function mayTryAgain({
  code,
  attemptsLeft,
}: {
  code: string
  attemptsLeft: number | null
}): boolean {
  return attemptsLeft !== 0 && (again.includes(code) || code.startsWith('CallFailed'))
}
