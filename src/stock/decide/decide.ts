/**
 * The heart: what a batch of mailbox entries does to a SKU. Pure: state, entries and evidence in, a
 * decision out. Nothing here reads a clock, a store or a random number. Each message has a file of
 * its own; a new command is one more file and one more row in the table.
 */
import { assert } from '../../kernel/assert.ts'
import type { Command, CommandKind, Entry } from '../protocol/messages.ts'
import { Draft } from './draft.ts'
import { reclaim } from './reclaim.ts'
import { release } from './release.ts'
import { reserve } from './reserve.ts'
import { restock } from './restock.ts'
import { returnUnits } from './return.ts'
import { sell } from './sell.ts'
import type { Decision, Evidence, SkuState } from './state.ts'

/** What each command does; it returns the outcome that the command is closed with. */
const commands: Readonly<Record<CommandKind, (draft: Draft, command: Command) => string>> = {
  release,
  sell,
  return: returnUnits,
  restock,
  reclaim,
}

/**
 * Applies entries in order. Each SKU's pass calls it, of an owner or of direct commands. @throws
 * AssertionError when units do not balance, or an entry does not follow the state's cursor: a hole
 * means that the mailbox lost something, and the caller rebuilds instead.
 */
export function decide(state: SkuState, entries: readonly Entry[], evidence: Evidence): Decision {
  const draft = new Draft(state, evidence)
  for (const { generation, seq, granted, messages } of entries) {
    const { cursor } = draft.state
    assert(
      generation === state.generation && seq === cursor + 1,
      `${state.sku}: entry ${generation}-${seq} does not follow ${state.generation}-${cursor}`,
    )
    for (const message of messages) {
      if (message.kind === 'reserve') reserve(draft, message)
      // A command is posted at least once, and applied once.
      else if (draft.isOpen(message.id))
        draft.close(message.id, commands[message.kind](draft, message))
    }
    draft.state.cursor = seq
    draft.state.granted = granted
  }
  return draft.decision()
}
