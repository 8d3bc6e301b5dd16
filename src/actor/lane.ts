/**
 * A lane is one session and the partitions it owns. Their locks are held by that very session, so a
 * worker that has lost it cannot commit; and everything on it happens one after the other, except
 * that the take-overs of one claim share their round trips.
 *
 * Connected, the lane takes turns: a task (claim, release), a pass over a partition that was woken,
 * and the tending of one where something is amiss. Disconnected, it owns nothing and reconnects
 * with a growing delay. Stopped, it gives its partitions back and closes.
 */
import { backoffMs } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import { type ActorFactory, BeyondThisWorker, Fenced, type PartitionActor } from './actor.ts'
import { gatherMs } from './gather.ts'
import type { Session, Sessions } from './ports.ts'

/** A partition whose pass or tending failed is tended this much later. */
const tendAgainMs = 1_000
const endsOwnership = (error: unknown): error is Error =>
  error instanceof Fenced || error instanceof BeyondThisWorker

/**
 * Partitions of one claim, at most. Their take-overs share round trips, and hold up the passes of
 * what the lane owns already.
 */
export const claimMax = 16

/** What became of a claim. Partitions in neither list have another owner. */
export interface Claimed {
  readonly owned: readonly number[]
  /** Those whose take-over failed, and of what: their locks are given back. */
  readonly failed: readonly { readonly partition: number; readonly error: unknown }[]
}

/** What a worker's lanes have in common. */
export interface LaneDeps<Store> {
  readonly sessions: Sessions<Store>
  readonly factory: ActorFactory<Store>
  /** Hears of every session that the lane gets: it may claim from now on. */
  readonly onConnected?: () => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/**
 * One session with its partitions. {@link Ownership} makes some for a worker, and gives each its
 * partitions.
 */
export class Lane<Store> {
  readonly #deps: LaneDeps<Store>
  readonly #owned = new Map<number, PartitionActor>()
  readonly #woken = new Set<number>()
  /** Partitions that gather, and until when. */
  readonly #gathering = new Map<number, number>()
  readonly #tasks: (() => Promise<void>)[] = []
  readonly #stopping = new AbortController()
  #session: Session<Store> | undefined
  #wakeUp: (() => void) | undefined
  #running: Promise<void> | undefined
  /** What it tries to lock, and what it has locked and does not own yet. */
  readonly #claiming = new Set<number>()
  /** Partitions where something is amiss, and from when on they are to be tended. */
  readonly #tendAt = new Map<number, number>()

  constructor(deps: LaneDeps<Store>) {
    this.#deps = deps
  }

  /** The partitions it owns, in the order in which it claimed them. */
  get owned(): number[] {
    return [...this.#owned.keys()]
  }

  /** What it owns, and what it is about to own: a take-over may take long, and is no silence. */
  get stamped(): number[] {
    return [...this.#owned.keys(), ...this.#claiming]
  }

  /** Whether it has a session to claim with. */
  get connected(): boolean {
    return this.#session !== undefined
  }

  /** Connects in the background, and reconnects until {@link stop}. */
  start(): void {
    this.#running = this.#run()
  }

  /** Finishes what is under way, gives the locks back and closes. Never rejects. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wakeUp?.()
    await this.#running
  }

  /** Asks for a pass over the partition, if it is owned: soon, or when it has gathered. */
  wake(partition: number): void {
    if (!this.#owned.has(partition)) return
    this.#woken.add(partition)
    if (!this.#gathering.has(partition)) this.#wakeUp?.()
  }

  /** Has the partition tended after what is under way, if it is owned. */
  tend(partition: number): void {
    if (!this.#owned.has(partition)) return
    this.#tendAt.set(partition, this.#deps.clock.monotonic())
    this.#wakeUp?.()
  }

  /** As {@link wake}, for all that it owns. */
  wakeAll(): void {
    for (const partition of this.#owned.keys()) this.#woken.add(partition)
    this.#wakeUp?.()
  }

  /**
   * Tries for the partitions' locks, {@link claimMax} of them at most, and takes over those that
   * nobody else has. One that cannot be taken over keeps no other. Rejects when the lane is not
   * connected, or its session fails before there is a lock.
   */
  claim(partitions: readonly number[]): Promise<Claimed> {
    return this.#task(async (session) => {
      const asked = partitions.slice(0, claimMax).filter((partition) => !this.#owned.has(partition))
      for (const partition of asked) this.#claiming.add(partition)
      try {
        const locked = await this.#tryLock(session, asked)
        const failures = await Promise.all(locked.map((each) => this.#takeOver(session, each)))
        return {
          owned: partitions.filter((partition) => this.#owned.has(partition)),
          failed: failures.filter((failure) => failure !== undefined),
        }
      } finally {
        this.#claiming.clear()
      }
    })
  }

  async #tryLock(session: Session<Store>, asked: readonly number[]): Promise<readonly number[]> {
    if (asked.length === 0) return []
    try {
      return await session.tryLock(asked)
    } catch (error) {
      // It may have locked them all the same; nobody would take them over.
      await Promise.all(asked.map((partition) => this.#giveBack(session, partition)))
      throw error
    }
  }

  async #takeOver(session: Session<Store>, partition: number) {
    try {
      this.#owned.set(partition, await this.#deps.factory.takeOver(partition, session.store))
      this.wake(partition)
      return undefined
    } catch (error) {
      await this.#giveBack(session, partition)
      return { partition, error }
    } finally {
      this.#claiming.delete(partition)
    }
  }

  /** A lock that stays is nobody's: it is not stamped, so that its session is ended as silent. */
  async #giveBack(session: Session<Store>, partition: number): Promise<void> {
    await session.unlock(partition).catch((error: unknown) => {
      this.#deps.log.warn({ err: error, partition }, 'the lock of a partition was not given back')
    })
  }

  /**
   * Gives a partition back after the pass under way. Rejects when the lane is not connected: then
   * it has none.
   */
  release(partition: number): Promise<void> {
    return this.#task(async (session) => {
      if (this.#owned.delete(partition)) await session.unlock(partition)
    })
  }

  #task<T>(run: (session: Session<Store>) => Promise<T>): Promise<T> {
    // Whoever waits for a session that may not come would keep the other lanes waiting too.
    if (!this.#session) return Promise.reject(new Error('the lane is not connected'))
    return new Promise((resolve, reject) => {
      this.#tasks.push(async () => {
        const session = this.#session
        if (!session) return reject(new Error('the lane is not connected'))
        await run(session).then(resolve, reject)
      })
      this.#wakeUp?.()
    })
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.#deps
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      try {
        if (!this.#session) await this.#connect()
        await this.#step()
        failures = 0
      } catch (error) {
        failures++
        log.warn({ err: error, failures }, 'a step of a lane failed; the lane pauses and goes on')
        if (this.#session?.lost) await this.#forget()
        await clock.sleep(
          backoffMs(failures, { baseMs: 20, maxMs: 1_000, random }),
          this.#stopping.signal,
        )
      }
    }
    await this.#close()
  }

  async #connect(): Promise<void> {
    this.#session = await this.#deps.sessions.open(() => this.#wakeUp?.())
    this.#deps.onConnected?.()
  }

  async #step(): Promise<void> {
    if (this.#session?.lost) return this.#forget()
    const task = this.#tasks.shift()
    // A worker that takes over much has its next claim ready when one ends: passes have their turn.
    if (task) await task()
    if (this.#session?.lost) return this.#forget()
    const partition = this.#due()
    if (partition !== undefined) await this.#pass(partition)
    const tended = await this.#tendOne()
    if (!task && partition === undefined && !tended) await this.#idle()
  }

  /** The next woken partition that does not gather. */
  #due(): number | undefined {
    const now = this.#deps.clock.monotonic()
    for (const [partition, until] of this.#gathering) {
      if (until <= now) this.#gathering.delete(partition)
    }
    for (const partition of this.#woken) {
      if (!this.#gathering.has(partition)) return partition
    }
    return undefined
  }

  async #pass(partition: number): Promise<void> {
    this.#woken.delete(partition)
    const actor = this.#owned.get(partition)
    if (!actor) return
    try {
      const found = await actor.pass()
      if (!found.anything) return
      this.#woken.add(partition)
      const ms = gatherMs(found)
      if (ms > 0) this.#gathering.set(partition, this.#deps.clock.monotonic() + ms)
    } catch (error) {
      if (endsOwnership(error)) return this.#stepDown(partition, error)
      this.#woken.add(partition)
      this.#tendLater(partition)
      throw error
    }
  }

  /**
   * Tends a partition that is due, if any: one at a time, for passes have their turn in between.
   */
  async #tendOne(): Promise<boolean> {
    const now = this.#deps.clock.monotonic()
    const [partition] = [...this.#tendAt].find(([, at]) => at <= now) ?? []
    if (partition === undefined) return false
    this.#tendAt.delete(partition)
    try {
      await this.#owned.get(partition)?.tend()
    } catch (error) {
      if (endsOwnership(error)) await this.#stepDown(partition, error)
      else {
        this.#tendLater(partition)
        throw error
      }
    }
    return true
  }

  #tendLater(partition: number): void {
    this.#tendAt.set(partition, this.#deps.clock.monotonic() + tendAgainMs)
  }

  async #stepDown(partition: number, error: Error): Promise<void> {
    this.#deps.log.warn({ err: error, partition }, 'stepping down: giving the partition back')
    this.#owned.delete(partition)
    await this.#session?.unlock(partition)
  }

  /** Until it is woken, or something is due that was put off. */
  async #idle(): Promise<void> {
    const { clock } = this.#deps
    const due = Math.min(...this.#gathering.values(), ...this.#tendAt.values())
    const ms = due - clock.monotonic()
    const cancel = Number.isFinite(ms) ? clock.after(ms, () => this.#wakeUp?.()) : () => {}
    await new Promise<void>((resolve) => {
      this.#wakeUp = resolve
      const waiting = this.#tasks.length > 0 || this.#due() !== undefined || ms <= 0
      if (waiting || this.#stopping.signal.aborted || this.#session?.lost) resolve()
    })
    this.#wakeUp = undefined
    cancel()
  }

  async #forget(): Promise<void> {
    this.#deps.log.warn(
      { partitions: this.#owned.size },
      'lane lost its session; it owns nothing until it has another',
    )
    await this.#close()
  }

  /** Closing the session gives every lock back, whatever else goes wrong. */
  async #close(): Promise<void> {
    const session = this.#session
    this.#session = undefined
    const owned = [...this.#owned.keys()]
    this.#owned.clear()
    this.#woken.clear()
    this.#gathering.clear()
    this.#tendAt.clear()
    for (const task of this.#tasks.splice(0)) await task()
    if (!session) return
    if (!session.lost) {
      await Promise.all(owned.map((partition) => session.unlock(partition).catch(() => {})))
    }
    await session.close()
  }
}
