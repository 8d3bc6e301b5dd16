/**
 * Rows of PostgreSQL on their way through BullMQ. What is due is claimed in batches, and a batch is one
 * job. A row stays open until its effect is in PostgreSQL, and open rows become due again: so a queue
 * that is emptied, or a worker that is killed, loses nothing, and a job that runs twice finds its rows
 * closed.
 */
import { bounded, openQueue, type QueueDeps } from './queue.ts'

export interface Relayed<Id extends string | number> {
  /** Of the queue; one for each kind of row, so that a slow kind holds up no other. */
  readonly name: string
  /** Rows of one job. */
  readonly batch: number
  /** Between full batches; default 0. */
  readonly pauseMs?: number
  /** Jobs at once, per worker process. */
  readonly concurrency: number
  /**
   * Jobs that may wait; default 16. What is claimed too early is due again before its turn: fewer where one may take long.
   */
  readonly waitingMax?: number
  /** Takes up to `limit` rows that are due, so that nobody else takes them for a while. */
  readonly claim: (limit: number) => Promise<readonly Id[]>
  /** Handles those that are still open. Safe to run twice, also at once. */
  readonly handle: (ids: readonly Id[]) => Promise<void>
}

/** The pause when there was less than a batch to do. */
const idleMs = 100
const troubleMs = 1_000

/** Starts claiming and handling. */
export function startRelay<Id extends string | number>(
  deps: QueueDeps,
  relayed: Relayed<Id>,
): { stop(): Promise<void> } {
  const { name, batch, concurrency, pauseMs = 0, waitingMax = 16 } = relayed
  const stopping = new AbortController()
  const { queue, connection, close } = openQueue(
    deps,
    name,
    async ({ data }) => {
      await relayed.handle((data as { ids: readonly Id[] }).ids)
    },
    { concurrency },
  )

  /** Returns how long to pause. Whatever fails here is due again by itself. */
  const pass = async (): Promise<number> => {
    if (connection.status !== 'ready') return idleMs
    if ((await queue.getWaitingCount()) >= waitingMax) return idleMs
    const ids = await relayed.claim(batch)
    if (ids.length === 0) return idleMs
    // A custom id must not be a number, nor hold a colon. The time tells a second round from the first.
    const jobId = `${name}-${String(ids[0]).replaceAll(':', '-')}-${deps.clock.now()}`
    await queue.add('batch', { ids }, { jobId, removeOnComplete: true, removeOnFail: true })
    return ids.length === batch ? pauseMs : Math.max(idleMs, pauseMs)
  }
  const loop = async () => {
    while (!stopping.signal.aborted) {
      let pause = troubleMs
      const step = pass().then((ms) => {
        pause = ms
      })
      step.catch((error: unknown) => deps.log.debug({ err: error, queue: name }, 'relay'))
      await bounded(deps.clock, step, 5_000)
      if (pause > 0) await deps.clock.sleep(pause, stopping.signal)
    }
  }
  const looping = loop()
  return {
    async stop() {
      stopping.abort()
      await looping
      await close()
    },
  }
}
