/** One statement that says which of many kinds of rows have some that are due. */
import type { DatabasePool, FragmentSqlToken } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../../kernel/clock.ts'
import { settlesWithin } from '../../kernel/settles-within.ts'
import { sql } from '../postgres/pool.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { WorkHints } from './work-hints.ts'

/** One kind of rows. */
export interface Watched {
  readonly name: string
  /** A subquery: when the first of them is due, or was. */
  readonly firstDue: FragmentSqlToken
  /** Called when some are due, as often as they are found. */
  readonly onDue: () => void
}

/** How often it looks after a hint, or when something was due. */
const keenMs = 100
/** For how long it looks so often: what was hinted at is committed by then. */
const keenForMs = 3_000
const idleMs = 1_000
const answersWithinMs = 5_000

const Due = z.object({ due: z.array(z.string()) })

/** Looks until it is told to stop: often while there is work, once a second while there is none. */
export function watchDue(
  deps: {
    readonly pool: DatabasePool
    readonly hints: WorkHints
    readonly clock: Clock
    readonly log: Logger
  },
  watched: readonly Watched[],
): () => Promise<void> {
  const { pool, clock, log } = deps
  const stopping = new AbortController()
  let keenUntil = Number.NEGATIVE_INFINITY
  let wakeUp = () => {}
  const beKeen = () => {
    if (clock.monotonic() >= keenUntil) wakeUp()
    keenUntil = clock.monotonic() + keenForMs
  }
  const names = watched.map(
    ({ name, firstDue }) => sql.fragment`case when (${firstDue}) <= now() then ${name} end`,
  )
  const look = async () => {
    const { due } = await pool.one(sql.type(Due)`
      select array_remove(array[${sql.join(names, sql.fragment`, `)}]::text[], null) as due`)
    if (due.length > 0) beKeen()
    for (const { name, onDue } of watched) if (due.includes(name)) onDue()
  }
  const loop = async () => {
    while (!stopping.signal.aborted) {
      const looking = look().catch((error: unknown) => {
        log.debug(
          { err: error },
          'PostgreSQL could not say which rows are due; asking again within a second',
        )
      })
      await settlesWithin(clock, answersWithinMs, looking)
      const hinted = new AbortController()
      wakeUp = () => hinted.abort()
      await clock.sleep(
        clock.monotonic() < keenUntil ? keenMs : idleMs,
        AbortSignal.any([stopping.signal, hinted.signal]),
      )
    }
  }
  const unlisten = deps.hints.listen(beKeen)
  const looping = loop()
  return async () => {
    unlisten()
    stopping.abort()
    await looping
  }
}
