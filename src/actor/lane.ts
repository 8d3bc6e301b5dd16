/**
 * A lane is one PostgreSQL connection and the partitions it owns. Their locks are held by that very
 * connection, so a worker that has lost it cannot commit; and everything on it happens one after the other.
 *
 * Connected, the lane runs, in this order: tasks (claim, release), a pass over a partition that was woken,
 * and whatever must be tended once a second. Disconnected, it owns nothing and reconnects with a growing delay. Stopped, it gives its
 * partitions back and closes.
 */
import { backoffMs } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import type { Random } from '../kernel/random.ts'
import { PipelinedConnection } from '../platform/postgres/pipeline.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import { type ActorFactory, Fenced, type Found, type PartitionActor } from './actor.ts'

/** The first half of the advisory lock's key; the partition is the second. */
export const lockSpace = 5_118_741

/**
 * A lane looks at each partition it owns this often, should a wake-up have been lost, and tends it this
 * often: at one after the other, in even steps. All of them at once would hold up whoever buys just then.
 */
const lookAgainMs = 500
const tendEveryMs = 1_000
/** Arrivals in one pass that make a crowd. */
const crowd = 24
const gatherAtLeastMs = 6
const gatherAtMostMs = 20
/** The same for parts: whoever gathers them holds up what other partitions have done their part of. */
const crowdOfParts = 16
const gatherPartsMs = 3

/**
 * How long a partition gathers after a pass, in milliseconds: a commit costs much the same for ten commands
 * as for a hundred. The idea is PostgreSQL's `commit_delay` with `commit_siblings`: a lone command never waits.
 * The larger the crowd, the longer: at an eighth of a millisecond each, and not at a fixed time, because a crowd
 * whose every member waits for its commit does not grow meanwhile.
 */
export function gatherMs({ arrivals, parts }: Omit<Found, 'anything'>): number {
  if (parts) return arrivals < crowdOfParts ? 0 : gatherPartsMs
  if (arrivals < crowd) return 0
  return Math.min(Math.max(arrivals / 8, gatherAtLeastMs), gatherAtMostMs)
}

export interface LaneDeps {
  readonly databaseUrl: string
  readonly workerId: string
  readonly factory: ActorFactory
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

export class Lane {
  readonly #deps: LaneDeps
  readonly #owned = new Map<number, PartitionActor>()
  readonly #woken = new Set<number>()
  /** Partitions that gather, and until when. */
  readonly #gathering = new Map<number, number>()
  readonly #tasks: (() => Promise<void>)[] = []
  readonly #stopping = new AbortController()
  #connection: PipelinedConnection | undefined
  #wakeUp: (() => void) | undefined
  #running: Promise<void> | undefined
  #takingOver: number | undefined
  /** When each partition was last tended; one at a time, between passes. */
  readonly #tendedAt = new Map<number, number>()
  #lastTendedAt = Number.NEGATIVE_INFINITY
  #nextLookAt = Number.NEGATIVE_INFINITY
  /** Whose turn it is to be looked at. */
  #turn = 0

  constructor(deps: LaneDeps) {
    this.#deps = deps
  }

  get owned(): number[] {
    return [...this.#owned.keys()]
  }

  /** What it owns, and what it is about to own: a take-over may take long, and is no silence. */
  get stamped(): number[] {
    return this.#takingOver === undefined ? this.owned : [...this.owned, this.#takingOver]
  }

  start(): void {
    this.#running = this.#run()
  }

  /** Finishes what is under way, gives the locks back and closes. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wakeUp?.()
    await this.#running
  }

  wake(partition: number): void {
    if (!this.#owned.has(partition)) return
    this.#woken.add(partition)
    if (!this.#gathering.has(partition)) this.#wakeUp?.()
  }

  wakeAll(): void {
    for (const partition of this.#owned.keys()) this.#woken.add(partition)
    this.#wakeUp?.()
  }

  /** Tries for the partition's lock; resolves false when another owner has it. */
  claim(partition: number): Promise<boolean> {
    return this.#task(async (connection) => {
      if (this.#owned.has(partition)) return true
      const [row] = await connection.query({
        name: 'try-lock',
        text: 'select pg_try_advisory_lock($1, $2) as locked',
        values: [lockSpace, partition],
      })
      if (row?.locked !== true) return false
      await connection.query({
        name: 'stamp-owner',
        text: `update partitions set worker_id = $2, owner_pid = pg_backend_pid(), seen_at = now()
          where partition = $1`,
        values: [partition, this.#deps.workerId],
      })
      this.#takingOver = partition
      try {
        this.#owned.set(partition, await this.#deps.factory.takeOver(partition, connection))
      } catch (error) {
        await this.#unlock(connection, partition)
        throw error
      } finally {
        this.#takingOver = undefined
      }
      this.wake(partition)
      return true
    })
  }

  /** Gives a partition back after the pass under way. */
  release(partition: number): Promise<void> {
    return this.#task(async (connection) => {
      if (this.#owned.delete(partition)) await this.#unlock(connection, partition)
    })
  }

  #task<T>(run: (connection: PipelinedConnection) => Promise<T>): Promise<T> {
    // Whoever waits for a connection that may not come would keep the other lanes waiting too.
    if (!this.#connection) return Promise.reject(new Error('the lane is not connected'))
    return new Promise((resolve, reject) => {
      this.#tasks.push(async () => {
        const connection = this.#connection
        if (!connection) return reject(new Error('the lane is not connected'))
        await run(connection).then(resolve, reject)
      })
      this.#wakeUp?.()
    })
  }

  async #unlock(connection: PipelinedConnection, partition: number): Promise<void> {
    await connection.query({
      name: 'give-back',
      text: `with gone as (update partitions set worker_id = null, owner_pid = null
          where partition = $2 and owner_pid = pg_backend_pid())
        select pg_advisory_unlock($1, $2)`,
      values: [lockSpace, partition],
    })
  }

  async #run(): Promise<void> {
    const { clock, random, log } = this.#deps
    let failures = 0
    while (!this.#stopping.signal.aborted) {
      try {
        if (!this.#connection) await this.#connect()
        await this.#step()
        failures = 0
      } catch (error) {
        failures++
        log.warn({ err: error, failures }, 'a lane stumbled')
        if (this.#connection?.lost) await this.#forget()
        await clock.sleep(
          backoffMs(failures, { baseMs: 20, maxMs: 1_000, random }),
          this.#stopping.signal,
        )
      }
    }
    await this.#close()
  }

  async #connect(): Promise<void> {
    this.#connection = await PipelinedConnection.open(this.#deps.databaseUrl, {
      name: `sluice-lane ${this.#deps.workerId}`,
      onLost: () => this.#wakeUp?.(),
      clock: this.#deps.clock,
    })
  }

  async #step(): Promise<void> {
    if (this.#connection?.lost) return this.#forget()
    const task = this.#tasks.shift()
    if (task) return task()
    this.#lookAround()
    const partition = this.#due()
    if (partition !== undefined) await this.#pass(partition)
    const tended = await this.#tendOne()
    if (partition === undefined && !tended) await this.#idle()
  }

  /** Wakes the next partition in turn, if it is time. */
  #lookAround(): void {
    const now = this.#deps.clock.monotonic()
    if (now < this.#nextLookAt) return
    this.#nextLookAt = now + lookAgainMs / Math.max(this.#owned.size, 1)
    this.#turn = (this.#turn + 1) % Math.max(this.#owned.size, 1)
    const partition = this.owned[this.#turn]
    if (partition !== undefined) this.#woken.add(partition)
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
      if (error instanceof Fenced) return this.#stepDown(partition, error)
      this.#woken.add(partition)
      throw error
    }
  }

  /** Tends a partition that is due, if any. */
  async #tendOne(): Promise<boolean> {
    const now = this.#deps.clock.monotonic()
    if (now < this.#lastTendedAt + tendEveryMs / (this.#owned.size + 1)) return false
    for (const [partition, actor] of this.#owned) {
      if (now - (this.#tendedAt.get(partition) ?? 0) < tendEveryMs) continue
      this.#tendedAt.set(partition, now)
      this.#lastTendedAt = now
      try {
        await actor.tend()
      } catch (error) {
        if (!(error instanceof Fenced)) throw error
        await this.#stepDown(partition, error)
      }
      return true
    }
    return false
  }

  async #stepDown(partition: number, error: Fenced): Promise<void> {
    this.#deps.log.warn({ err: error, partition }, 'fenced: stepping down')
    this.#owned.delete(partition)
    if (this.#connection) await this.#unlock(this.#connection, partition)
  }

  async #idle(): Promise<void> {
    const { clock } = this.#deps
    const now = clock.monotonic()
    const resume = () => this.#wakeUp?.()
    const cancel = clock.after(Math.max(this.#nextLookAt - now, 1), resume)
    const gathered = Math.min(...this.#gathering.values()) - now
    const cancelGathering = Number.isFinite(gathered) ? clock.after(gathered, resume) : () => {}
    await new Promise<void>((resolve) => {
      this.#wakeUp = resolve
      const waiting = this.#tasks.length > 0 || this.#due() !== undefined
      if (waiting || this.#stopping.signal.aborted || this.#connection?.lost) resolve()
    })
    this.#wakeUp = undefined
    cancel()
    cancelGathering()
  }

  async #forget(): Promise<void> {
    this.#deps.log.warn({ partitions: this.#owned.size }, 'a lane lost its connection')
    await this.#close()
  }

  /** Closing the connection gives every lock back, whatever else goes wrong. */
  async #close(): Promise<void> {
    const connection = this.#connection
    this.#connection = undefined
    const owned = [...this.#owned.keys()]
    this.#owned.clear()
    this.#woken.clear()
    this.#gathering.clear()
    for (const task of this.#tasks.splice(0)) await task()
    if (!connection) return
    if (!connection.lost) {
      for (const partition of owned) await this.#unlock(connection, partition).catch(() => {})
    }
    await connection.close()
  }
}
