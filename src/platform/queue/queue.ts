/** BullMQ with the rules that this project needs: one place opens queues and workers. */
import { type Processor, Queue, Worker } from 'bullmq'
import type { Clock } from '../../kernel/clock.ts'
import { settlesWithin } from '../../kernel/settles-within.ts'
import type { RedisClient } from '../redis/client.ts'
import type { Logger } from '../telemetry/logger.ts'

/** What queues are opened with. */
export interface QueueDeps {
  /** Opens a connection of the purpose `jobs`: it waits for Redis for as long as it takes. */
  readonly connect: () => RedisClient
  readonly clock: Clock
  readonly log: Logger
}

/** A queue with a worker on it. */
export interface OpenQueue {
  readonly queue: Queue
  readonly connection: RedisClient
  /** Lets running jobs finish, five seconds at most. Never rejects. */
  close(): Promise<void>
}

/** One hash tag: on a cluster all keys of a queue share a slot. */
const prefix = '{sluice}'
const closeMs = 5_000
/** How long a worker waits for a job before it asks again: a new job ends the wait. Seconds. */
const waitsForSeconds = 60

/** Opens a queue and a worker on it. Jobs leave nothing behind but the last few failures. */
export function openQueue(
  deps: QueueDeps,
  name: string,
  processor: Processor,
  options: { readonly concurrency: number },
): OpenQueue {
  const { clock, log } = deps
  const connection = deps.connect()
  const workerConnection = deps.connect()
  const queue = new Queue(name, { connection, prefix })
  const worker = new Worker(name, processor, {
    connection: workerConnection,
    prefix,
    concurrency: options.concurrency,
    drainDelay: waitsForSeconds,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 100 },
  })
  queue.on('error', (error) =>
    log.debug({ err: error, queue: name }, 'BullMQ queue connection error; BullMQ reconnects'),
  )
  worker.on('error', (error) =>
    log.debug({ err: error, queue: name }, 'BullMQ worker error; BullMQ goes on'),
  )
  worker.on('failed', (job, error) =>
    log.warn(
      { err: error, queue: name, job: job?.name },
      'a job failed; it runs again when it is due',
    ),
  )
  return {
    queue,
    connection,
    async close() {
      // Without Redis nothing can be ended in good order; what a job was about is due again by itself.
      const force = workerConnection.status !== 'ready'
      if (!(await bounded(clock, worker.close(force)))) {
        await bounded(clock, worker.disconnect(), 1_000)
      }
      await bounded(clock, queue.close(), 1_000)
      connection.disconnect()
      workerConnection.disconnect()
    },
  }
}

/** With Redis away a command waits for ever: nothing here may. Resolves false at the limit or on an error. */
export async function bounded(
  clock: Clock,
  step: Promise<unknown>,
  ms: number = closeMs,
): Promise<boolean> {
  const fulfilled = step.then(
    () => true,
    () => false,
  )
  return (await settlesWithin(clock, ms, fulfilled)) && fulfilled
}
