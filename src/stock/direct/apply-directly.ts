/**
 * Carries out open commands without mailbox and actor, for the strategies that have none: the same
 * decision and the same commit, fenced by the cursor that every change of the ledger row moves.
 */
import { Fenced } from '../../actor/actor.ts'
import type { PipelinedConnection } from '../../platform/postgres/pipeline.ts'
import { loadLedger } from '../ledger/read-ledger.ts'
import { commitPass } from '../owner/commit-pass.ts'
import type { CommandKind } from '../protocol/messages.ts'

/** Commands of one call, at most. */
const perCall = 1_000
/** How often one command is tried against concurrent changes of its row. */
const attemptsMax = 50

/** Carries out what is open; returns how many. Only for use while no actor owns the partitions. */
export async function applyOpenCommands(
  connection: PipelinedConnection,
  holdSeconds: number,
): Promise<number> {
  const rows = await connection.query({
    name: 'all-open-commands',
    text: `select id, sku, kind, checkout_id, units from stock_commands
      where done_at is null order by created_at limit ${perCall}`,
    values: [],
  })
  for (const row of rows) {
    const command = {
      id: row.id as string,
      kind: row.kind as CommandKind,
      checkoutId: row.checkout_id as string | null,
      units: row.units as number | null,
    }
    for (let attempt = 0; ; attempt++) {
      const [ledger] = await loadLedger(connection, [row.sku as string])
      if (!ledger) break
      const { state } = ledger
      const { generation, granted, cursor } = state
      const entries = [{ generation, granted, seq: cursor + 1, messages: [command] }]
      try {
        await commitPass(connection, [{ state, entries }], holdSeconds)
        break
      } catch (error) {
        if (!(error instanceof Fenced) || attempt >= attemptsMax) throw error
      }
    }
  }
  return rows.length
}
