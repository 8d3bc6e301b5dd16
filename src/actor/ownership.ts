/**
 * Spreads partitions evenly over the live workers. Ownership is only for liveness: it keeps two
 * workers from doing the same work. What makes a commit safe is the ledger's cursor.
 */
import type { Clock } from '../kernel/clock.ts'
import { Pauses } from '../kernel/pauses.ts'
import type { Random } from '../kernel/random.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import { type ActorFactory, BeyondThisWorker, type Lookout } from './actor.ts'
import { claimMax, Lane } from './lane.ts'
import type { OwnerRegistry, PartitionSeen, Sessions } from './ports.ts'

/** What a worker brings to own partitions. */
export interface OwnershipDeps<Store> {
  /** Opens the lanes' sessions, and is of the same worker as `registry`. */
  readonly sessions: Sessions<Store>
  readonly registry: OwnerRegistry
  readonly factory: ActorFactory<Store>
  readonly lookout: Lookout
  /** How many there are; they are numbered from 0. */
  readonly partitions: number
  /** Sessions of this worker; partition p is the lane's with the number p modulo `lanes`. */
  readonly lanes: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** How often an owner stamps that it lives, and looks who else does. */
const stampEveryMs = 500
/** How often it looks for what nobody woke it for. */
const lookEveryMs = 1_000
/**
 * What was given back and nobody took is kept for so long before it is offered again: each move
 * costs a take-over.
 */
const keepMs = 5_000
/** How long a partition is left to the other workers that this one cannot run. */
const beyond = { baseMs: 500, maxMs: 30_000 }

/**
 * One worker's part of the partitions. The worker wakes partitions; everything else it does by
 * itself, from {@link start} to {@link stop}. Failures are logged and tried again.
 */
export class Ownership<Store> {
  readonly #deps: OwnershipDeps<Store>
  readonly #lanes: Lane<Store>[]
  readonly #stopping = new AbortController()
  /** Ends the pause before the next survey. */
  #claimNow = new AbortController()
  /** Whether the survey under way comes early: it says nothing of what was nobody's for a while. */
  #early = false
  /** Partitions that nobody held when last looked: nobody's twice in a row is free for all. */
  #orphans = new Set<number>()
  /** Until when it keeps what is above its share. */
  #keepUntil = Number.NEGATIVE_INFINITY
  /** Partitions that this worker cannot run. */
  readonly #beyond: Pauses<number>
  #running: Promise<unknown> | undefined

  constructor(deps: OwnershipDeps<Store>) {
    this.#deps = deps
    this.#beyond = new Pauses({ monotonic: deps.clock.monotonic, random: deps.random }, beyond)
    const onConnected = () => {
      // With some of its lanes a worker would fill its share on those alone.
      if (this.#lanes.every((lane) => lane.connected)) this.#claimNow.abort()
    }
    this.#lanes = Array.from({ length: deps.lanes }, () => new Lane({ ...deps, onConnected }))
  }

  /** The partitions that this worker owns now, ascending. */
  get owned(): number[] {
    return this.#lanes.flatMap((lane) => lane.owned).sort((a, b) => a - b)
  }

  /** Connects and claims in the background. */
  start(): void {
    for (const lane of this.#lanes) lane.start()
    // Stamping does not wait for claims: a worker that takes over much, or slowly, is not silent.
    this.#running = Promise.all([
      this.#every(stampEveryMs, 'stamping', () => this.#stamp()),
      this.#every(stampEveryMs, 'claiming', () => this.#tick(), this.#untilConnected),
      this.#every(lookEveryMs, 'looking', () => this.#look()),
    ])
  }

  /**
   * Hands everything over: the next worker may claim at once. When this one ended stays on record,
   * for whoever judges a stopped system, until another worker has run for a minute. Never rejects.
   */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#claimNow.abort()
    await this.#running
    await Promise.all(this.#lanes.map((lane) => lane.stop()))
    await this.#deps.registry.signOff().catch(() => {})
  }

  /** Asks for a pass over the partition, if this worker owns it. */
  wake(partition: number): void {
    this.#lane(partition).wake(partition)
  }

  /** Asks for a pass over everything that this worker owns: wake-ups may have been lost. */
  wakeAll(): void {
    for (const lane of this.#lanes) lane.wakeAll()
  }

  #lane(partition: number): Lane<Store> {
    return this.#lanes[partition % this.#lanes.length] as Lane<Store>
  }

  /** Repeats `work` with pauses of `ms`; `pause`, asked before each turn, may end the one after it. */
  async #every(
    ms: number,
    what: string,
    work: () => Promise<void>,
    pause = () => this.#stopping.signal,
  ): Promise<void> {
    const { clock, log } = this.#deps
    while (!this.#stopping.signal.aborted) {
      const signal = pause()
      try {
        await work()
      } catch (error) {
        log.warn({ err: error, what }, 'a step of the ownership failed; its next turn tries again')
      }
      await clock.sleep(ms, signal)
    }
  }

  /** Aborts when the last of the lanes gets a session, or when it stops. */
  readonly #untilConnected = (): AbortSignal => {
    this.#early = this.#claimNow.signal.aborted
    this.#claimNow = new AbortController()
    return this.#claimNow.signal
  }

  async #tick(): Promise<void> {
    const { registry, partitions, clock } = this.#deps
    const survey = await registry.survey()
    const share = Math.ceil(partitions / survey.liveWorkers)
    const surplus = clock.monotonic() < this.#keepUntil ? [] : this.owned.slice(share)
    for (const partition of surplus) await this.#lane(partition).release(partition)
    await this.#claim(survey.partitions, share)
  }

  /** Says that this worker and its partitions live. */
  async #stamp(): Promise<void> {
    await this.#deps.registry.stamp(this.#lanes.flatMap((lane) => lane.stamped))
  }

  /** Should a wake-up have been lost, or a store have been emptied, it is found here. */
  async #look(): Promise<void> {
    const { owned } = this
    if (owned.length === 0) return
    const { waiting, amiss } = await this.#deps.lookout.look(owned)
    for (const partition of waiting) this.#lane(partition).wake(partition)
    for (const partition of amiss) this.#lane(partition).tend(partition)
  }

  /**
   * Claims what the survey allows, on all lanes at once. What another worker was quicker to lock, or
   * cannot be taken over, leaves room in the share: then the rest of the survey has its turn.
   */
  async #claim(survey: readonly PartitionSeen[], share: number): Promise<void> {
    const mine = new Set(this.owned)
    const orphans = new Set(
      survey.filter(({ locked }) => !locked).map(({ partition }) => partition),
    )
    const twice = [...orphans].filter((partition) => this.#orphans.has(partition))
    const abandoned = new Set(this.#early ? [] : twice)
    for (let left = survey; left.length > 0; ) {
      const chosen = new Set(this.#choose(left, { mine, abandoned, share }))
      if (chosen.size === 0) break
      await this.#putDown([...chosen].filter(({ locked }) => locked))
      const partitions = [...chosen].map(({ partition }) => partition)
      const claims = this.#lanes.map((lane) => this.#claimOn(lane, partitions))
      const owned = (await Promise.all(claims)).flat()
      for (const partition of owned) mine.add(partition)
      if (owned.length > 0 && mine.size > share)
        this.#keepUntil = this.#deps.clock.monotonic() + keepMs
      if (this.#stopping.signal.aborted) return
      left = left.filter((row) => !chosen.has(row))
    }
    // What was taken back is nobody's orphan when it is given away again: the others get their chance.
    if (!this.#early) this.#orphans = new Set([...orphans].filter((each) => !mine.has(each)))
  }

  /** Partitions up to the share, and above it those that are abandoned. */
  #choose(
    survey: readonly PartitionSeen[],
    so: { mine: ReadonlySet<number>; abandoned: ReadonlySet<number>; share: number },
  ): PartitionSeen[] {
    let size = so.mine.size
    return survey.filter(({ partition, locked, silent }) => {
      if (so.mine.has(partition) || this.#beyond.pauses(partition)) return false
      if (size >= so.share && !so.abandoned.has(partition)) return false
      if ((locked && !silent) || !this.#lane(partition).connected) return false
      size += 1
      return true
    })
  }

  /** Claims those of the partitions that are the lane's; resolves with what it owns. Never rejects. */
  async #claimOn(lane: Lane<Store>, partitions: readonly number[]): Promise<number[]> {
    const its = partitions.filter((partition) => this.#lane(partition) === lane)
    const all: number[] = []
    for (let i = 0; i < its.length && !this.#stopping.signal.aborted; i += claimMax) {
      try {
        const { owned, failed } = await lane.claim(its.slice(i, i + claimMax))
        for (const partition of owned) this.#beyond.forget(partition)
        for (const { partition, error } of failed) this.#notOwned(partition, error)
        all.push(...owned)
      } catch (error) {
        this.#deps.log.warn({ err: error }, 'partitions could not be claimed; trying again later')
        break
      }
    }
    return all
  }

  /** One partition that cannot be taken over must not keep the others from being owned. */
  #notOwned(partition: number, error: unknown): void {
    if (error instanceof BeyondThisWorker) this.#beyond.fail(partition)
    this.#deps.log.warn(
      { err: error, partition },
      'taking a partition over failed; its lock is given back, and a later survey tries again',
    )
  }

  /**
   * Ends the sessions of owners that are silent, once each. If one only seemed dead, its next commit
   * finds no session.
   */
  async #putDown(silent: readonly PartitionSeen[]): Promise<void> {
    const ended = new Set<number>()
    for (const { partition, session } of silent) {
      if (session === null || ended.has(session)) continue
      ended.add(session)
      this.#deps.log.warn({ partition, session }, 'ending the session of a silent owner')
      await this.#deps.registry.putDown(partition, session)
    }
  }
}
