/** Jobs that run every so often, on one worker at a time. */
import { bounded, openQueue, type QueueDeps } from './queue.ts'

export interface ScheduledJob {
  readonly name: string
  readonly everyMs: number
  /** Safe to run twice, also at once: a stalled job is run again elsewhere. */
  readonly run: () => Promise<unknown>
}

const queueName = 'housekeeping'
const checkMs = 2_000

/**
 * Starts the worker and makes sure of the schedules: whenever Redis becomes ready, and again when they
 * are found missing, for an emptied Redis forgets them without closing a connection.
 */
export function startScheduled(
  deps: QueueDeps,
  jobs: readonly ScheduledJob[],
): { stop(): Promise<void> } {
  const { clock, log } = deps
  const byName = new Map(jobs.map((job) => [job.name, job]))
  const running = new Set<string>()
  const stopping = new AbortController()
  const { queue, connection, close } = openQueue(
    deps,
    queueName,
    async ({ name }) => {
      // The next run of a job is added when one starts: those of a slow one must not take the others' places.
      if (running.has(name)) return
      running.add(name)
      try {
        await byName.get(name)?.run()
      } finally {
        running.delete(name)
      }
    },
    { concurrency: jobs.length },
  )
  const upsert = async () => {
    const all = jobs.map(({ name, everyMs }) =>
      queue.upsertJobScheduler(name, { every: everyMs }, { name }),
    )
    await Promise.all(all).catch((error: unknown) =>
      log.warn({ err: error }, 'schedules could not be set'),
    )
  }
  const watch = async () => {
    while (!stopping.signal.aborted) {
      await clock.sleep(checkMs, stopping.signal)
      if (stopping.signal.aborted || connection.status !== 'ready') continue
      await bounded(
        clock,
        queue.getJobSchedulersCount().then((count) => (count < jobs.length ? upsert() : undefined)),
      )
    }
  }
  connection.on('ready', upsert)
  void upsert()
  const watching = watch()
  return {
    async stop() {
      connection.off('ready', upsert)
      stopping.abort()
      await watching
      await close()
    },
  }
}
