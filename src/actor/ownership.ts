/**
 * Spreads partitions evenly over the live workers. Ownership is only for liveness: it keeps two workers
 * from doing the same work. What makes a commit safe is the ledger's cursor.
 */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../kernel/clock.ts'
import { newId } from '../kernel/ids.ts'
import type { Random } from '../kernel/random.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import type { ActorFactory } from './actor.ts'
import { Lane, lockSpace } from './lane.ts'

export interface OwnershipDeps {
  readonly databaseUrl: string
  readonly pool: DatabasePool
  readonly factory: ActorFactory
  readonly partitions: number
  readonly lanes: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** How often an owner stamps that it lives. */
const stampEveryMs = 500
/** An owner that has not stamped for so long is put down, and a worker counts as gone. */
export const silentSeconds = 2

const Survey = z.object({
  partition: z.number(),
  mine: z.boolean(),
  locked: z.boolean(),
  silent: z.boolean(),
  owner_pid: z.number().nullable(),
})
type Survey = z.infer<typeof Survey>

export class Ownership {
  readonly workerId = newId()
  readonly #deps: OwnershipDeps
  readonly #lanes: Lane[]
  readonly #stopping = new AbortController()
  /** Partitions that nobody held when last looked: nobody's twice in a row is free for all. */
  #orphans = new Set<number>()
  #running: Promise<unknown> | undefined

  constructor(deps: OwnershipDeps) {
    this.#deps = deps
    const { databaseUrl, factory, clock, random, log } = deps
    this.#lanes = Array.from(
      { length: deps.lanes },
      () => new Lane({ databaseUrl, workerId: this.workerId, factory, clock, random, log }),
    )
  }

  get owned(): number[] {
    return this.#lanes.flatMap((lane) => lane.owned).sort((a, b) => a - b)
  }

  start(): void {
    for (const lane of this.#lanes) lane.start()
    // Stamping does not wait for claims: a worker that takes over much, or slowly, is not silent.
    this.#running = Promise.all([
      this.#everyHalfSecond(() => this.#stamp()),
      this.#everyHalfSecond(() => this.#tick()),
    ])
  }

  /**
   * Hands everything over: the next worker may claim at once. When this one ended stays on record, for
   * whoever judges a stopped system, until another worker has run for a minute.
   */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
    await Promise.all(this.#lanes.map((lane) => lane.stop()))
    await this.#deps.pool
      .query(sql.typeAlias('none')`
        update workers set seen_at = least(seen_at, now() - make_interval(secs => ${silentSeconds}))
         where id = ${this.workerId}`)
      .catch(() => {})
  }

  wake(partition: number): void {
    this.#lane(partition).wake(partition)
  }

  wakeAll(): void {
    for (const lane of this.#lanes) lane.wakeAll()
  }

  #lane(partition: number): Lane {
    return this.#lanes[partition % this.#lanes.length] as Lane
  }

  async #everyHalfSecond(work: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#deps
    while (!this.#stopping.signal.aborted) {
      try {
        await work()
      } catch (error) {
        log.warn({ err: error }, 'ownership could not be looked after')
      }
      await clock.sleep(stampEveryMs, this.#stopping.signal)
    }
  }

  async #tick(): Promise<void> {
    const { pool, partitions } = this.#deps
    const share = Math.ceil(partitions / (await this.#liveWorkers()))
    const owned = this.owned
    for (const partition of owned.slice(share)) {
      await this.#lane(partition).release(partition)
    }
    const survey = await pool.any(sql.type(Survey)`
      select p.partition, p.worker_id is not distinct from ${this.workerId} as mine,
        l.pid is not null as locked, p.owner_pid,
        coalesce(p.seen_at < now() - make_interval(secs => ${silentSeconds}), true) as silent
      from partitions p
      left join pg_locks l on l.locktype = 'advisory' and l.classid = ${lockSpace}
        and l.objid = p.partition::int::oid and l.objsubid = 2 and l.granted
        and l.database = (select oid from pg_database where datname = current_database())
      order by p.partition`)
    await this.#claim(survey, share)
  }

  /** Says that this worker and its partitions live. */
  async #stamp(): Promise<void> {
    const stamped = this.#lanes.flatMap((lane) => lane.stamped)
    await this.#deps.pool.query(sql.typeAlias('none')`
      with me as (
        insert into workers (id) values (${this.workerId})
        on conflict (id) do update set seen_at = now()),
      dead as (
        delete from workers where seen_at < now() - interval '1 minute')
      update partitions set seen_at = now()
       where worker_id = ${this.workerId} and partition = any(${sql.array(stamped, 'int2')})`)
  }

  /** How many workers have stamped lately, this one included. */
  async #liveWorkers(): Promise<number> {
    const others = await this.#deps.pool.oneFirst(sql.typeAlias('count')`
      select count(*)::int as count from workers
       where id <> ${this.workerId} and seen_at > now() - make_interval(secs => ${silentSeconds})`)
    return others + 1
  }

  async #claim(survey: readonly Survey[], share: number): Promise<void> {
    const mine = new Set(this.owned)
    const orphans = new Set(
      survey.filter(({ locked }) => !locked).map(({ partition }) => partition),
    )
    for (const row of survey) {
      if (this.#stopping.signal.aborted) return
      if (mine.has(row.partition)) continue
      const abandoned = orphans.has(row.partition) && this.#orphans.has(row.partition)
      if (mine.size >= share && !abandoned) continue
      if (row.locked && !row.silent) continue
      if (row.locked && row.owner_pid !== null) await this.#putDown(row)
      if (await this.#tryToOwn(row.partition)) mine.add(row.partition)
    }
    // What was taken back is nobody's orphan when it is given away again: the others get their chance.
    this.#orphans = new Set([...orphans].filter((partition) => !mine.has(partition)))
  }

  /** One partition that cannot be taken over must not keep the others from being owned. */
  async #tryToOwn(partition: number): Promise<boolean> {
    try {
      return await this.#lane(partition).claim(partition)
    } catch (error) {
      this.#deps.log.warn({ err: error, partition }, 'a partition could not be taken over')
      return false
    }
  }

  /**
   * Ends the back end of an owner that has been silent for 2 s by PostgreSQL's clock. If it only seemed
   * dead, its next commit finds no connection, and it steps down.
   */
  async #putDown({ partition, owner_pid: pid }: Survey): Promise<void> {
    this.#deps.log.warn({ partition, pid }, 'a silent owner is put down')
    await this.#deps.pool.query(sql.typeAlias('none')`
      select from (
        select pg_terminate_backend(a.pid, 1000) from pg_stat_activity a join partitions p on p.owner_pid = a.pid
        where a.pid = ${pid} and p.partition = ${partition} and a.application_name like 'sluice-lane %'
          and p.seen_at < now() - make_interval(secs => ${silentSeconds})
        limit 1) as ended`)
  }
}
