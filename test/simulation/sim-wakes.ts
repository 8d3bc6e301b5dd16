/** The short messages of one process: each is delivered at most once, and some are lost. */
import type { FreedListener, WakeListener, Wakes } from '../../src/stock/ports.ts'
import type { SimProcess } from './sim-process.ts'
import type { Stage } from './stage.ts'
import type { ChannelListener } from './stores/memory-redis.ts'

export class SimWakes implements Wakes {
  readonly #stage: Stage
  readonly #owner: SimProcess
  readonly #wakes = new Set<WakeListener>()
  readonly #freed = new Set<FreedListener>()
  #subscribed = false

  constructor(stage: Stage, owner: SimProcess) {
    this.#stage = stage
    this.#owner = owner
    const { redis } = stage
    const heard: ChannelListener = {
      wake: (partition, sku) =>
        this.#hear(() => each(this.#wakes, (listener) => listener.wake(partition, sku))),
      freed: (sku, version) =>
        this.#hear(() => each(this.#freed, (listener) => listener.freed(sku, version))),
      results: () => {},
    }
    owner.onDeath(redis.listen(heard))
    this.reconnect()
  }

  /** The connection broke: what is published until it stands again is missed. */
  reconnect(): void {
    const { network, scheduler, redisLink } = this.#stage
    const owner = this.#owner
    this.#subscribed = false
    owner.deliver(() => each(this.#freed, (listener) => listener.live(false)))
    const again = () => {
      if (!owner.alive || this.#subscribed) return
      if (!redisLink.up) {
        scheduler.plan(50, again)
        return
      }
      this.#subscribed = true
      owner.deliver(() => {
        each(this.#freed, (listener) => listener.live(true))
        each(this.#wakes, (listener) => listener.missed())
      })
    }
    scheduler.plan(network.way(), again)
  }

  onWake(listener: WakeListener): () => void {
    this.#wakes.add(listener)
    if (this.#subscribed) listener.missed()
    return () => this.#wakes.delete(listener)
  }

  onFreed(listener: FreedListener): () => void {
    this.#freed.add(listener)
    if (this.#subscribed) listener.live(true)
    return () => this.#freed.delete(listener)
  }

  publishResults(): void {}

  onResults(): () => void {
    return () => {}
  }

  async listenToResults(): Promise<void> {}

  leaveResults(): void {}

  #hear(told: () => void): void {
    const { network, scheduler, random, messagesLost } = this.#stage
    if (!this.#subscribed || random.chance(messagesLost)) return
    scheduler.plan(network.way(), () => this.#owner.deliver(told))
  }
}

function each<T>(listeners: ReadonlySet<T>, tell: (listener: T) => void): void {
  for (const listener of listeners) tell(listener)
}
