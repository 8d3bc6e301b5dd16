/** Background jobs on BullMQ: at least once, each safe to run twice. The queue never guards stock. */
import { Queue, Worker } from 'bullmq'
import type { DatabasePool } from 'slonik'
import { giveUp, overdueAssemblies } from '../checkout/assembly.ts'
import { expireHolds } from '../checkout/expire-holds.ts'
import type { ReservationStrategy } from '../checkout/strategy.ts'
import type { ConnectedConfig } from '../config.ts'
import type { RedisClient } from '../platform/redis/client.ts'
import type { Logger } from '../platform/telemetry/logger.ts'

export interface JobsDeps {
  /** Opens a connection of the purpose `jobs`. */
  readonly connect: () => RedisClient
  readonly config: ConnectedConfig
  readonly pool: DatabasePool
  readonly redis: RedisClient
  readonly strategy: ReservationStrategy
  readonly log: Logger
}

const queueName = 'housekeeping'
/** One hash tag: on a cluster all keys of the queue share a slot. */
const prefix = '{sluice}'

/** Starts the workers and makes sure of the schedules; an emptied Redis gets them again when it is ready. */
export async function startJobs(deps: JobsDeps): Promise<{ stop(): Promise<void> }> {
  const { log, pool, strategy, redis, config } = deps
  const handlers: Record<string, () => Promise<unknown>> = {
    'expire-holds': () => expireHolds(pool, strategy),
    'reject-assemblies': async () => {
      const overdue = await overdueAssemblies(pool)
      if (overdue.length > 0) await giveUp({ pool, redis }, overdue, 'overdue')
    },
  }
  const queueConnection = deps.connect()
  const workerConnection = deps.connect()
  const queue = new Queue(queueName, { connection: queueConnection, prefix })
  const worker = new Worker(queueName, (job) => handlers[job.name]?.() ?? Promise.resolve(), {
    connection: workerConnection,
    prefix,
    concurrency: 2,
    removeOnComplete: { count: 20 },
    removeOnFail: { count: 200 },
  })
  queue.on('error', (error) => log.debug({ err: error }, 'queue'))
  worker.on('error', (error) => log.debug({ err: error }, 'queue worker'))
  worker.on('failed', (job, error) => log.warn({ err: error, job: job?.name }, 'a job failed'))

  const schedule = () =>
    Promise.all([
      queue.upsertJobScheduler(
        'expire-holds',
        { every: config.SWEEP_SECONDS * 1000 },
        { name: 'expire-holds' },
      ),
      queue.upsertJobScheduler(
        'reject-assemblies',
        { every: 5_000 },
        { name: 'reject-assemblies' },
      ),
    ]).catch((error: unknown) => log.warn({ err: error }, 'schedules could not be set'))
  queueConnection.on('ready', schedule)
  void schedule()

  return {
    async stop() {
      queueConnection.off('ready', schedule)
      await Promise.allSettled([worker.close(), queue.close()])
      queueConnection.disconnect()
      workerConnection.disconnect()
    },
  }
}
