import { backoffMs } from '../../kernel/backoff.ts'
import type { Clock } from '../../kernel/clock.ts'
import { PipelinedConnection } from '../../platform/postgres/pipeline.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import type { Logger } from '../../platform/telemetry/logger.ts'
import { closePartition } from '../gate/scripts.ts'
import { partitionKeys } from '../protocol/keys.ts'
import { partitionCount } from '../protocol/partition.ts'
import { applyOpenCommands } from './apply-directly.ts'

const everyMs = 100

/** Carries commands out where no actor does: one connection, looked at ten times a second. Returns its stop. */
export function startDirectCommands(deps: {
  readonly databaseUrl: string
  /** Where the gates are that must not admit any more. */
  readonly redis: RedisClient
  readonly holdSeconds: number
  readonly clock: Clock
  readonly log: Logger
}): () => Promise<void> {
  const { clock, log } = deps
  const stopping = new AbortController()
  const running = (async () => {
    let connection: PipelinedConnection | undefined
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        if (!connection) {
          const opened = await PipelinedConnection.open(deps.databaseUrl, {
            name: 'sluice-direct',
            onLost: () => {},
          })
          await closeGates(deps.redis, opened).catch(async (error: unknown) => {
            await opened.close()
            throw error
          })
          connection = opened
        }
        await applyOpenCommands(connection, deps.holdSeconds)
        failures = 0
        await clock.sleep(everyMs, stopping.signal)
      } catch (error) {
        log.warn({ err: error }, 'commands could not be carried out')
        if (connection?.lost) connection = undefined
        await clock.sleep(backoffMs(failures++, { baseMs: 50, maxMs: 1_000 }), stopping.signal)
      }
    }
    await connection?.close()
  })()
  return async () => {
    stopping.abort()
    await running
  }
}

/** Units move without the gates from here on: whoever owns them next must build them anew. */
async function closeGates(redis: RedisClient, connection: PipelinedConnection): Promise<void> {
  await connection.query({
    name: 'gates-are-stale',
    text: 'update partitions set run_id = null where run_id is not null',
    values: [],
  })
  for (let partition = 0; partition < partitionCount; partition++) {
    const keys = partitionKeys(partition)
    const { generation } = await closePartition(redis, keys, { closing: '' })
    await closePartition(redis, keys, { closing: generation })
  }
}
