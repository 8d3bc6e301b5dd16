/**
 * What is between processes and stores. Every call of every verb passes here: it takes its time, so that calls overtake
 * each other; it may never arrive, arrive after its caller has given up, or lose its answer; and its caller may die
 * just before or just after it has taken effect.
 */
import type { SeededRandom } from '../../src/kernel/random.ts'
import type { Scheduler } from './scheduler.ts'
import type { SimProcess } from './sim-process.ts'
import type { Story } from './story.ts'

export class CallFailed extends Error {
  override name = 'CallFailed'
}

/** How bad it is. Chances are from 0 to 1. */
export interface Weather {
  /** A way takes half of this as a rule, in milliseconds. */
  readonly wayMs: number
  readonly slowChance: number
  readonly slowMs: number
  readonly lostChance: number
  readonly answerLostChance: number
  readonly lateChance: number
  /** After so long a caller gives up. */
  readonly patienceMs: number
}

export const calm: Weather = {
  ...{ wayMs: 1, slowChance: 0, slowMs: 0, lostChance: 0, answerLostChance: 0, lateChance: 0 },
  patienceMs: 1_000,
}

/** A death that waits for its moment: the `nth` call of a verb, from 1. */
export interface Ambush {
  readonly verb: string
  readonly moment: Moment
  readonly nth: number
}
export type Moment = 'before' | 'after'

/** The way to one store. */
export interface Link {
  /** A store that is down refuses every call. */
  up: boolean
  /** Changes when connections break: an answer that is under way then never comes. */
  breaks: number
  /** Set for a way on which calls arrive in their order, and where a failure ends the session. */
  readonly session?: { lastArrivalMs: number; readonly end: () => void }
}

type Fate = 'arrives' | 'lost' | 'answer lost' | 'late'

interface Call<T> {
  readonly caller: SimProcess
  readonly link: Link
  readonly verb: string
  readonly args: readonly unknown[]
  readonly run: () => Promise<T>
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

export interface NetworkDeps {
  readonly scheduler: Scheduler
  readonly random: SeededRandom
  readonly story: Story
  readonly ambushes: readonly Ambush[]
  /** Told of every death that came of an ambush. */
  readonly onAmbush: (ambush: Ambush) => void
}

export class Network {
  weather: Weather = calm
  readonly #deps: NetworkDeps
  readonly #arrivals = new Map<string, number>()

  constructor(deps: NetworkDeps) {
    this.#deps = deps
  }

  /** Milliseconds that one way takes now. */
  way(): number {
    const { random } = this.#deps
    const { wayMs, slowChance, slowMs } = this.weather
    const usual = wayMs * (0.25 + random.next() / 2)
    return slowChance > 0 && random.chance(slowChance) ? usual + random.next() * slowMs : usual
  }

  /** Calls a verb of a store. Settles when, and if, the answer reaches its caller. */
  call<T>(
    caller: SimProcess,
    link: Link,
    verb: string,
    args: readonly unknown[],
    run: () => Promise<T>,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      const { scheduler } = this.#deps
      const call = { caller, link, verb, args, run, resolve, reject }
      const fate = this.#fate()
      const { session } = link
      const arrival = Math.max(scheduler.now + this.way(), session?.lastArrivalMs ?? 0)
      if (session) session.lastArrivalMs = arrival
      if (fate !== 'arrives') this.#giveUpLater(call, fate)
      if (fate === 'lost') return
      const late =
        fate === 'late' && !session ? this.weather.patienceMs * (1 + this.#deps.random.next()) : 0
      scheduler.plan(arrival - scheduler.now + late, () => this.#arrive(call, fate))
    })
  }

  #fate(): Fate {
    const { lostChance, answerLostChance, lateChance } = this.weather
    const bad = lostChance + answerLostChance + lateChance
    if (bad === 0) return 'arrives'
    const drawn = this.#deps.random.next()
    if (drawn >= bad) return 'arrives'
    if (drawn < lostChance) return 'lost'
    return drawn < lostChance + answerLostChance ? 'answer lost' : 'late'
  }

  #giveUpLater<T>({ caller, link, verb, reject }: Call<T>, fate: Fate): void {
    const { scheduler, story } = this.#deps
    scheduler.plan(this.weather.patienceMs, () => {
      story.note(caller.name, `${verb}: no answer`, fate)
      link.session?.end()
      caller.deliver(() => reject(new CallFailed(`${verb}: no answer`)))
    })
  }

  #arrive<T>(call: Call<T>, fate: Fate): void {
    const { caller, link, verb, args, run, reject } = call
    const { story } = this.#deps
    const arrivals = (this.#arrivals.get(verb) ?? 0) + 1
    this.#arrivals.set(verb, arrivals)
    if (this.#isKilled(caller, verb, 'before', arrivals)) return
    if (!link.up) {
      this.#answer(call, fate, () => reject(new CallFailed(`${verb}: refused`)))
      return
    }
    const { breaks } = link
    run().then(
      (value) => {
        story.note(caller.name, verb, args, '=>', value)
        if (this.#isKilled(caller, verb, 'after', arrivals)) return
        this.#answer(call, fate, () => {
          if (link.breaks === breaks) call.resolve(value)
          else reject(new CallFailed(`${verb}: the connection broke`))
        })
      },
      (error: unknown) => {
        story.note(caller.name, verb, args, '=>', error)
        this.#answer(call, fate, () => reject(error))
      },
    )
  }

  #answer<T>({ caller }: Call<T>, fate: Fate, settle: () => void): void {
    if (fate === 'arrives') this.#deps.scheduler.plan(this.way(), () => caller.deliver(settle))
  }

  #isKilled(caller: SimProcess, verb: string, moment: Moment, nth: number): boolean {
    const { ambushes, onAmbush, story } = this.#deps
    for (const ambush of ambushes) {
      if (ambush.verb !== verb || ambush.moment !== moment || ambush.nth !== nth) continue
      if (!caller.alive) return false
      story.note(caller.name, `dies ${moment} ${verb}`)
      caller.die()
      onAmbush(ambush)
      return true
    }
    return false
  }
}
