/**
 * Carries out open commands without mailbox and actor, for the strategies that have none: the same
 * decision and the same commit, fenced by the cursor that every change of the ledger row moves.
 */
import { Fenced } from '../../actor/actor.ts'
import { commitPass } from '../owner/commit-pass.ts'
import type { LedgerStore } from '../ports.ts'
import type { StockCommand } from '../protocol/messages.ts'

/** Commands of one call, at most. */
const perCall = 1_000
/** How often one command is tried against concurrent changes of its row. */
const attemptsMax = 50

/** What of the ledger it takes to carry commands out directly. */
export type DirectLedger = Pick<LedgerStore, 'allOpenCommands' | 'rows' | 'evidence' | 'commit'>

/**
 * For direct commands: carries out what is open, 1,000 at most; returns how many. Only for use
 * while no actor owns the partitions. @throws Fenced when a row changes faster than a command can
 * be applied to it, and what commitPass throws.
 */
export async function applyOpenCommands(
  ledger: DirectLedger,
  holdSeconds: number,
): Promise<number> {
  const commands = await ledger.allOpenCommands(perCall)
  for (const command of commands) await apply(ledger, holdSeconds, command)
  return commands.length
}

async function apply(
  ledger: DirectLedger,
  holdSeconds: number,
  command: StockCommand,
): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const [row] = await ledger.rows([command.sku])
    if (!row) return
    const { state } = row
    const { generation, granted, cursor } = state
    const entries = [{ generation, granted, seq: cursor + 1, messages: [command] }]
    try {
      await commitPass(ledger, [{ state, entries }], holdSeconds)
      return
    } catch (error) {
      if (!(error instanceof Fenced) || attempt >= attemptsMax) throw error
    }
  }
}
