/**
 * Jobs that run every so often, on one worker at a time. Each worker keeps the time; a key in Redis that expires just
 * before the next run says whose turn it is. Nothing is set up there: an emptied Redis forgets nothing but a turn.
 */
import type { Clock } from '../../kernel/clock.ts'
import type { RedisClient } from '../redis/client.ts'
import type { Logger } from '../telemetry/logger.ts'
import { bounded } from './queue.ts'

/** A row of the schedule. */
export interface ScheduledJob {
  readonly name: string
  readonly everyMs: number
  /** Safe to run twice, also at once: one that takes longer than its interval is begun elsewhere too. */
  readonly run: () => Promise<unknown>
}

/** What turns are taken with. */
export interface ScheduleDeps {
  /** A connection that fails within seconds when Redis is away. */
  readonly redis: RedisClient
  readonly clock: Clock
  readonly log: Logger
}

/** With Redis away, turns are asked for again this soon. */
const troubleMs = 1_000
/** A turn ends a little before the next run: whoever had it must not find it taken by himself. */
const turnShare = 0.9

/** Starts every job's loop. `stop` lets running jobs finish, for five seconds. */
export function startScheduled(
  deps: ScheduleDeps,
  jobs: readonly ScheduledJob[],
): { stop(): Promise<void> } {
  const stopping = new AbortController()
  const loops = jobs.map((job) => repeat(deps, job, stopping.signal))
  return {
    async stop() {
      stopping.abort()
      await bounded(deps.clock, Promise.all(loops))
    },
  }
}

async function repeat(deps: ScheduleDeps, job: ScheduledJob, signal: AbortSignal): Promise<void> {
  const { clock, log } = deps
  const { name, everyMs } = job
  while (!signal.aborted) {
    const began = clock.monotonic()
    const turn = await askForTurn(deps, job)
    if (turn === 'unknown') {
      await clock.sleep(Math.min(everyMs, troubleMs), signal)
      continue
    }
    try {
      if (turn === 'mine') await job.run()
    } catch (error) {
      log.warn({ err: error, job: name }, 'a job failed; it runs again at its next turn')
    }
    // One that took longer than its interval has missed the runs in between.
    await clock.sleep(everyMs - ((clock.monotonic() - began) % everyMs), signal)
  }
}

async function askForTurn(
  { redis, log }: ScheduleDeps,
  { name, everyMs }: ScheduledJob,
): Promise<'mine' | 'taken' | 'unknown'> {
  const turnMs = Math.max(1, Math.floor(everyMs * turnShare))
  try {
    const taken = await redis.set(`{sluice}:turn:${name}`, '', 'PX', turnMs, 'NX')
    return taken === 'OK' ? 'mine' : 'taken'
  } catch (error) {
    log.debug(
      { err: error, job: name },
      'Redis cannot say whose turn a job is; asking again within a second',
    )
    return 'unknown'
  }
}
