/**
 * The walk over the provider's events: an event that no webhook has brought is put into the inbox, as if
 * it had been delivered. A webhook may be lost for good, and the provider may give an endpoint up.
 */
import type { DatabasePool } from 'slonik'
import type { Clock } from '../kernel/clock.ts'
import { AppError } from '../kernel/errors.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import {
  beginWalk,
  endWalk,
  moveWalk,
  readWalk,
  restartWalk,
  type WalkRow,
  type WalkUnderWay,
  wantWalk,
} from './event-walk-row.ts'
import type { ListedEvent, ProviderLists } from './provider-lists.ts'
import { unknownIds } from './webhook-events.ts'
import type { WebhookInbox } from './webhook-inbox.ts'

/** What the walk of one worker needs. */
export interface EventWalkDeps {
  readonly pool: DatabasePool
  readonly lists: Pick<ProviderLists, 'listEvents'>
  readonly inbox: Pick<WebhookInbox, 'store'>
  readonly clock: Pick<Clock, 'now'>
  readonly log: Pick<Logger, 'info' | 'warn'>
  /** Pages of one run, at most. Default 100. */
  readonly pagesMax?: number
}

/** What a worker does with it. Both are safe to call at any time, also on several workers at once. */
export interface EventWalk {
  /** Notes that there may be a gap. Rejects with PostgreSQL's errors. */
  want(): Promise<void>
  /**
   * For a job, twice a minute: goes on with the walk under way, or begins one where there may be a gap,
   * or when a night has begun; else looks at the newest page, which tells a silence of the webhooks:
   * then it walks as well, a minute after the last walk at the earliest. Answers how many events it
   * has put into the inbox. What the provider does not answer is asked
   * again by the next run; rejects with PostgreSQL's errors, and when the inbox is full.
   */
  run(): Promise<number>
}

const minute = 60_000
const hour = 60 * minute
const day = 24 * hour
/** The provider keeps its events so long. */
const keptMs = 30 * day
/** Events may appear later than they were made, and clocks differ. */
const overlapMs = hour
/** A walk of the night goes back so far at least. */
const longMs = 26 * hour
/** When the night's walk is due: so long after midnight, UTC. */
const nightMs = 3 * hour
/** A webhook may take so long; an event that is younger is not missed yet. */
const deliveryMs = minute / 2
/** Webhooks that are only late must not have the worker walk all the time. */
const restMs = minute
const pagesMax = 100

/** Makes the walk of one worker. */
export function createEventWalk(deps: EventWalkDeps): EventWalk {
  const { pool, clock } = deps
  const want = (atMs = clock.now()) => wantWalk(pool, new Date(atMs))
  return {
    want: () => want(),
    async run() {
      let row = await readWalk(pool)
      if (row.underWay) return goOn(deps, row.underWay, want)
      let due = dueWalk(row, clock.now())
      const found = due ? 0 : await look(deps, want)
      if (found > 0) {
        await want(Math.max(clock.now(), (row.walkedTo?.getTime() ?? 0) + restMs))
        row = await readWalk(pool)
        due = row.underWay ? null : dueWalk(row, clock.now())
      }
      if (!due) return found
      const at = new Date(clock.now())
      const from = new Date(due.fromMs)
      const walk = await beginWalk(pool, row.number, { at, from, long: due.long })
      return found + (walk ? await goOn(deps, walk, want) : 0)
    },
  }
}

/**
 * From when on a walk that begins at `nowMs` compares, and whether it is that of a night; null when none
 * is due. Pure, for the walk alone.
 */
export function dueWalk(
  { walkedTo, longAt, wantedAt }: Pick<WalkRow, 'walkedTo' | 'longAt' | 'wantedAt'>,
  nowMs: number,
): { readonly fromMs: number; readonly long: boolean } | null {
  const oldestMs = nowMs - keptMs
  const lastMs = walkedTo === null ? oldestMs : walkedTo.getTime() - overlapMs
  const night = Math.floor((nowMs - nightMs) / day) * day + nightMs
  if (longAt === null || longAt.getTime() < night) {
    return { fromMs: Math.max(oldestMs, Math.min(lastMs, nowMs - longMs)), long: true }
  }
  return wantedAt === null || wantedAt.getTime() > nowMs
    ? null
    : { fromMs: Math.max(oldestMs, lastMs), long: false }
}

/**
 * Looks at the newest page. Events that a webhook should have brought by now are put into the inbox; how
 * many, tells whether the webhooks are silent.
 */
async function look(deps: EventWalkDeps, want: () => Promise<void>): Promise<number> {
  const nowMs = deps.clock.now()
  const page = await deps.lists.listEvents({ after: null, fromMs: nowMs - keptMs })
  if (page.tag !== 'page') {
    if (page.tag === 'unknown' && page.why === 'away') await want()
    return 0
  }
  const old = page.items.filter(({ madeMs }) => madeMs <= nowMs - deliveryMs)
  const found = await storeMissing(deps, old)
  if (found > 0) {
    deps.log.warn(
      { events: found },
      'no webhook had brought some of the newest events of the provider; they are stored',
    )
  }
  return found
}

/** Page after page, until the walk has ended, another worker walks, or the run has had enough. */
async function goOn(
  deps: EventWalkDeps,
  begun: WalkUnderWay,
  want: () => Promise<void>,
): Promise<number> {
  const { pool, lists, log } = deps
  let walk: WalkUnderWay | null = begun
  let found = 0
  for (let pages = 0; walk && pages < (deps.pagesMax ?? pagesMax); pages++) {
    const { after, from }: WalkUnderWay = walk
    const page = await lists.listEvents({ after, fromMs: from.getTime() })
    if (page.tag === 'unknown') {
      // Whoever was away may have lost webhooks meanwhile.
      if (page.why === 'away') await want()
      const facts = { reason: page.message, why: page.why }
      log.warn(facts, 'the provider did not tell its events; the next run goes on from here')
      return found
    }
    if (page.tag === 'refused') {
      log.warn({ reason: page.message, after }, 'the provider refuses to go on with its events')
      // The event may be too old by now. Without one there is nothing that could be left out.
      if (after !== null) await restartWalk(pool, walk)
      return found
    }
    if (page.unreadable > 0) {
      log.warn(
        { events: page.unreadable, after },
        'events of the provider cannot be read; going on',
      )
    }
    const stored = await storeMissing(deps, page.items)
    found += stored
    if (page.next === null) await end(deps, walk, stored)
    walk = page.next === null ? null : await moveWalk(pool, walk, page.next, stored)
  }
  return found
}

async function end({ pool, log }: EventWalkDeps, walk: WalkUnderWay, stored: number) {
  const found = await endWalk(pool, walk, stored)
  if (!found) return
  log.warn(
    { events: found },
    'no webhook had brought these events of the provider; they are stored and will be handled',
  )
}

/** Puts what the inbox does not know into it; answers how many. */
async function storeMissing(
  { pool, inbox, log }: EventWalkDeps,
  events: readonly ListedEvent[],
): Promise<number> {
  const missing = new Set(
    await unknownIds(
      pool,
      events.map(({ id }) => id),
    ),
  )
  const fresh = events.filter(({ id }) => missing.has(id))
  const outcomes = await Promise.allSettled(fresh.map((event) => inbox.store(event)))
  for (const [i, outcome] of outcomes.entries()) {
    if (outcome.status === 'fulfilled') continue
    const { reason } = outcome
    // One that PostgreSQL cannot take will not be taken tomorrow either.
    if (!(reason instanceof AppError && reason.code === 'validation_failed')) throw reason
    log.warn({ event: fresh[i]?.id }, 'an event of the provider cannot be stored; going on')
  }
  return outcomes.filter(({ status }) => status === 'fulfilled').length
}
