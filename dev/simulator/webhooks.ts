/** Brings events to the shop until it says 2xx, or loses, repeats, delays and mixes them as scripted. */
import { backoffMs } from '../../src/kernel/backoff.ts'
import type { Clock } from '../../src/kernel/clock.ts'
import { limits } from './limits.ts'
import { WebhookPoster, type WebhookTarget } from './post-webhook.ts'
import type { EventRecord } from './records.ts'
import { renderEvent } from './render.ts'
import { type WebhookBehaviour, wellBehaved } from './webhook-behaviour.ts'

export interface WebhookCounts {
  /** Events that wait: held, delayed, in the queue, or for another attempt. */
  readonly waiting: number
  readonly delivered: number
  /** Posts, successful or not, copies included. */
  readonly attempts: number
  readonly failedAttempts: number
  readonly dropped: number
  /** Given up after the last attempt, or pushed out of a full queue. */
  readonly abandoned: number
}

interface Delivery {
  readonly event: EventRecord
  attempts: number
  copies: number
  /** Set while it waits for a time. */
  cancel?: (() => void) | undefined
}

export class Webhooks {
  readonly #options: {
    readonly clock: Clock
    readonly random: () => number
    readonly settled: (eventId: string) => void
  }
  readonly #poster = new WebhookPoster()
  #target: WebhookTarget | undefined
  #behaviour = wellBehaved
  readonly #queue: Delivery[] = []
  #head = 0
  readonly #held: Delivery[] = []
  readonly #timed = new Set<Delivery>()
  #sending = 0
  /** Nobody is there: every attempt would fail, and cost as much as one that does not. */
  #paused = false
  #impatient = false
  #stopped = false
  readonly #counts = { delivered: 0, attempts: 0, failedAttempts: 0, dropped: 0, abandoned: 0 }
  #whenIdle: (() => void)[] = []

  constructor(options: {
    readonly target?: WebhookTarget | undefined
    readonly clock: Clock
    readonly random: () => number
    /** Hears that an event needs no delivery any more. */
    readonly settled: (eventId: string) => void
  }) {
    this.#target = options.target
    this.#options = options
  }

  get counts(): WebhookCounts {
    const queued = this.#queue.length - this.#head
    const waiting = queued + this.#held.length + this.#timed.size + this.#sending
    return { waiting, ...this.#counts }
  }

  get target(): string | null {
    return this.#target?.url ?? null
  }

  /** Without a target, events go nowhere from now on. */
  aimAt(target: WebhookTarget | undefined): void {
    this.#target = target
  }

  get behaviour(): WebhookBehaviour {
    return this.#behaviour
  }

  /** Counts for events from now on; what was held before is sent unless it is still to be held. */
  behave(behaviour: WebhookBehaviour): void {
    this.#behaviour = behaviour
    if (!behaviour.hold) this.#releaseHeld(behaviour.reorder)
  }

  /** Takes an event in. With no address to send it to, it is done. */
  take(event: EventRecord): void {
    const { events } = this.#target ?? {}
    const wanted = this.#target && (!events || events.includes(event.type))
    if (!wanted || this.#stopped) {
      this.#options.settled(event.id)
      return
    }
    if (this.counts.waiting >= limits.webhookQueue) {
      this.#abandon(event)
      return
    }
    const { types } = this.#behaviour
    const behaviour = types && !types.includes(event.type) ? wellBehaved : this.#behaviour
    if (this.#loses(behaviour)) {
      this.#counts.dropped += 1
      this.#options.settled(event.id)
      return
    }
    const doubled = behaviour.duplicates > 0 && this.#options.random() < behaviour.duplicateRate
    const delivery = { event, attempts: 0, copies: 1 + (doubled ? behaviour.duplicates : 0) }
    if (behaviour.hold || behaviour.reorder > 0) {
      this.#held.push(delivery)
      if (!behaviour.hold) this.#releaseHeld(behaviour.reorder)
      return
    }
    this.#after(this.#delayOf(behaviour), delivery)
  }

  /** Sends an event again, as the dashboard's "resend" does. */
  resend(event: EventRecord): void {
    this.#enqueue({ event, attempts: 0, copies: 1 })
  }

  /**
   * Sends everything that waits, now, the oldest first, and resolves when each was tried once more or
   * `withinMs` is over.
   */
  async deliverWaiting(withinMs: number): Promise<WebhookCounts> {
    this.#impatient = true
    const timed = [...this.#timed]
    const held = this.#held.splice(0)
    for (const delivery of [...timed, ...held]) {
      delivery.cancel?.()
      this.#timed.delete(delivery)
      this.#enqueue(delivery)
    }
    const idle = new Promise<void>((resolve) => {
      this.#whenIdle.push(resolve)
      this.#sayIdle()
    })
    const over = new AbortController()
    await Promise.race([idle, this.#options.clock.sleep(withinMs, over.signal)])
    over.abort()
    this.#impatient = false
    return this.counts
  }

  /** Stops sending; what was not delivered stays in the journal. */
  stop(): void {
    this.#stopped = true
    for (const { cancel } of this.#timed) cancel?.()
    this.#timed.clear()
    this.#poster.close()
  }

  #loses(behaviour: WebhookBehaviour): boolean {
    if (behaviour.dropNext > 0) {
      this.#behaviour = { ...this.#behaviour, dropNext: behaviour.dropNext - 1 }
      return true
    }
    return behaviour.dropRate > 0 && this.#options.random() < behaviour.dropRate
  }

  #delayOf({ delay }: WebhookBehaviour): number {
    return delay.minMs + this.#options.random() * (delay.maxMs - delay.minMs)
  }

  #releaseHeld(windowSize: number): void {
    if (this.#held.length < windowSize) return
    const held = this.#held.splice(0)
    const ordered = windowSize > 0 ? held.reverse() : held
    for (const delivery of ordered) this.#after(this.#delayOf(this.#behaviour), delivery)
  }

  #after(ms: number, delivery: Delivery): void {
    if (ms <= 0) {
      this.#enqueue(delivery)
      return
    }
    this.#timed.add(delivery)
    delivery.cancel = this.#options.clock.after(ms, () => {
      this.#timed.delete(delivery)
      this.#enqueue(delivery)
    })
  }

  #enqueue(delivery: Delivery): void {
    this.#queue.push(delivery)
    this.#pump()
  }

  get #maySend(): boolean {
    return !this.#stopped && (!this.#paused || this.#impatient)
  }

  #pause(): void {
    if (this.#paused || this.#stopped) return
    this.#paused = true
    this.#options.clock.after(limits.webhookPauseMs, () => {
      this.#paused = false
      this.#pump()
    })
  }

  #pump(): void {
    // One at a time keeps the order that was asked for.
    const together = this.#behaviour.reorder > 0 ? 1 : limits.webhookConnections
    while (this.#sending < together && this.#head < this.#queue.length && this.#maySend) {
      const delivery = this.#queue[this.#head]
      this.#head += 1
      if (this.#head === this.#queue.length) {
        this.#queue.length = 0
        this.#head = 0
      }
      if (delivery) void this.#send(delivery)
    }
    this.#sayIdle()
  }

  async #send(delivery: Delivery): Promise<void> {
    this.#sending += 1
    const body = JSON.stringify(renderEvent(delivery.event))
    let arrived = true
    while (arrived && delivery.copies > 0 && this.#target && !this.#stopped) {
      const seconds = Math.floor(this.#options.clock.now() / 1000)
      const status = await this.#poster.post(this.#target, body, seconds)
      arrived = status >= 200 && status < 300
      if (status === 0) this.#pause()
      this.#counts.attempts += 1
      if (arrived) delivery.copies -= 1
      else this.#counts.failedAttempts += 1
    }
    this.#sending -= 1
    if (!this.#stopped) this.#finish(delivery, arrived)
    this.#pump()
  }

  #finish(delivery: Delivery, arrived: boolean): void {
    if (arrived) {
      this.#counts.delivered += 1
      this.#options.settled(delivery.event.id)
      return
    }
    delivery.attempts += 1
    if (delivery.attempts >= limits.webhookAttempts) {
      this.#abandon(delivery.event)
      return
    }
    const wait = backoffMs(delivery.attempts - 1, {
      baseMs: limits.webhookBackoffBaseMs,
      maxMs: limits.webhookBackoffMaxMs,
      random: this.#options.random,
    })
    this.#after(wait, delivery)
  }

  #abandon(event: EventRecord): void {
    this.#counts.abandoned += 1
    this.#options.settled(event.id)
  }

  #sayIdle(): void {
    if (this.#sending > 0 || this.#head < this.#queue.length) return
    for (const resolve of this.#whenIdle.splice(0)) resolve()
  }
}
