/** How far the walk over the provider's events has come: one row for all workers. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'

/** A walk that has begun and not ended. */
export interface WalkUnderWay {
  /** Walks are counted, so that whoever goes on notices that another worker did. */
  readonly number: number
  /** The last event of the last page that is stored; null before the first page. */
  readonly after: string | null
  /** The walk ends at events that were made before. */
  readonly from: Date
}

/** The row, as a worker finds it. */
export interface WalkRow {
  /** Of the walk under way, or of the last one. */
  readonly number: number
  readonly underWay: WalkUnderWay | null
  /** From when on a gap is to be walked over; null when nobody knows of one. */
  readonly wantedAt: Date | null
  /** When the last whole walk began: everything that was made before it was compared. */
  readonly walkedTo: Date | null
  /** The same of the last whole walk of a night. */
  readonly longAt: Date | null
}

const Row = z.object({
  number: z.number(),
  wantedAt: z.date().nullable(),
  walkedTo: z.date().nullable(),
  longAt: z.date().nullable(),
  from: z.date().nullable(),
  after: z.string().nullable(),
})

/** For the walk: the row as it stands. Rejects with PostgreSQL's errors, as everything here. */
export async function readWalk(pool: DatabasePool): Promise<WalkRow> {
  const { number, from, after, ...rest } = await pool.one(sql.type(Row)`
    select number, wanted_at as "wantedAt", walked_to as "walkedTo", long_at as "longAt",
        from_time as "from", after_id as after from event_walk`)
  return { ...rest, number, underWay: from && { number, after, from } }
}

/** Notes that there may be a gap, to be walked over from `at` on, when the walk under way has ended. */
export async function wantWalk(pool: DatabasePool, at: Date): Promise<void> {
  await pool.query(sql.typeAlias('none')`
    update event_walk set wanted_at = least(wanted_at, ${sql.timestamp(at)})`)
}

/** Begins the walk after that of `number`, unless another worker has begun it; null then. */
export async function beginWalk(
  pool: DatabasePool,
  number: number,
  { at, from, long }: { readonly at: Date; readonly from: Date; readonly long: boolean },
): Promise<WalkUnderWay | null> {
  const begun = await pool.query(sql.typeAlias('none')`
    update event_walk set number = number + 1, began_at = ${sql.timestamp(at)},
        from_time = ${sql.timestamp(from)}, after_id = null, long = ${long}, found = 0, wanted_at = null
     where number = ${number} and began_at is null`)
  return begun.rowCount === 1 ? { number: number + 1, after: null, from } : null
}

/** A page is stored, and the walk goes on after `next`; null when another worker has gone on already. */
export async function moveWalk(
  pool: DatabasePool,
  walk: WalkUnderWay,
  next: string,
  found: number,
): Promise<WalkUnderWay | null> {
  const moved = await pool.query(sql.typeAlias('none')`
    update event_walk set after_id = ${next}, found = found + ${found} where ${itIs(walk)}`)
  return moved.rowCount === 1 ? { ...walk, after: next } : null
}

/** Goes back to the newest event: the provider no longer knows where the walk stopped. */
export async function restartWalk(
  pool: DatabasePool,
  walk: WalkUnderWay,
): Promise<WalkUnderWay | null> {
  const restarted = await pool.query(sql.typeAlias('none')`
    update event_walk set after_id = null where ${itIs(walk)}`)
  return restarted.rowCount === 1 ? { ...walk, after: null } : null
}

const Found = z.object({ found: z.number() })

/** The last page is stored. Answers how many events the whole walk has found; null as {@link moveWalk}. */
export async function endWalk(
  pool: DatabasePool,
  walk: WalkUnderWay,
  found: number,
): Promise<number | null> {
  const ended = await pool.maybeOne(sql.type(Found)`
    update event_walk set walked_to = began_at, long_at = case when long then began_at else long_at end,
        began_at = null, from_time = null, after_id = null, found = found + ${found}
     where ${itIs(walk)} returning found`)
  return ended?.found ?? null
}

const itIs = ({ number, after }: WalkUnderWay) =>
  sql.fragment`number = ${number} and began_at is not null and after_id is not distinct from ${after}`
