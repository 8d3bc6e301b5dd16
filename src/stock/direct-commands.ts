import { backoffMs } from '../kernel/backoff.ts'
import type { Clock } from '../kernel/clock.ts'
import { PipelinedConnection } from '../platform/postgres/pipeline.ts'
import type { Logger } from '../platform/telemetry/logger.ts'
import { applyOpenCommands } from './apply-directly.ts'

const everyMs = 100

/** Carries commands out where no actor does: one connection, looked at ten times a second. Returns its stop. */
export function startDirectCommands(deps: {
  readonly databaseUrl: string
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
        connection ??= await PipelinedConnection.open(deps.databaseUrl, {
          name: 'sluice-direct',
          onLost: () => {},
        })
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
