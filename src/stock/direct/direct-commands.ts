import { backoffMs } from '../../kernel/backoff.ts'
import type { Clock } from '../../kernel/clock.ts'
import type { Random } from '../../kernel/random.ts'
import type { Logger } from '../../platform/telemetry/logger.ts'
import type { GateStore, LedgerSession, LedgerStore } from '../ports.ts'
import { partitionCount } from '../protocol/partition.ts'
import { applyOpenCommands } from './apply-directly.ts'

const everyMs = 100

/** What {@link startDirectCommands} needs to carry stock commands out without an actor. */
export interface DirectDeps {
  /** Opens a session of the ledger. Rejects when the ledger is away. */
  readonly connect: () => Promise<LedgerSession>
  /** Where the gates are that must not admit any more. */
  readonly gates: Pick<GateStore, 'look' | 'close'>
  /** Seconds for which a new hold keeps its units. */
  readonly holdSeconds: number
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/**
 * Carries commands out where no actor does: one session, looked at ten times a second. A worker
 * starts it for the strategies without gates. Failures are logged and tried again. Returns its
 * stop.
 */
export function startDirectCommands(deps: DirectDeps): () => Promise<void> {
  const { clock, random, log } = deps
  const stopping = new AbortController()
  const running = (async () => {
    let session: LedgerSession | undefined
    for (let failures = 0; !stopping.signal.aborted; ) {
      try {
        session ??= await begin(deps)
        await applyOpenCommands(session.store, deps.holdSeconds)
        failures = 0
        await clock.sleep(everyMs, stopping.signal)
      } catch (error) {
        log.warn(
          { err: error },
          'stock commands could not be carried out; they are tried again at the next look',
        )
        if (session?.lost) session = undefined
        const pause = backoffMs(failures++, { baseMs: 50, maxMs: 1_000, random })
        await clock.sleep(pause, stopping.signal)
      }
    }
    await session?.close()
  })()
  return async () => {
    stopping.abort()
    await running
  }
}

async function begin({ connect, gates }: DirectDeps): Promise<LedgerSession> {
  const session = await connect()
  try {
    await closeGates(gates, session.store)
    return session
  } catch (error) {
    await session.close()
    throw error
  }
}

/** Units move without the gates from here on: whoever owns them next must build them anew. */
async function closeGates(
  gates: DirectDeps['gates'],
  ledger: Pick<LedgerStore, 'distrustGates'>,
): Promise<void> {
  await ledger.distrustGates()
  for (let partition = 0; partition < partitionCount; partition++) {
    const { generation } = await gates.look(partition)
    await gates.close(partition, generation)
  }
}
