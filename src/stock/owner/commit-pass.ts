/**
 * Decides and commits one pass. The fast path is one round trip; a contradiction costs two more.
 */
import { AssertionError } from '../../kernel/assert.ts'
import { decide } from '../decide/decide.ts'
import { type Decision, keyOf, noEvidence, type SkuState } from '../decide/state.ts'
import { Contested, type LedgerStore, RefusedWork } from '../ports.ts'
import type { Entry } from '../protocol/messages.ts'

/** What of the ledger a commit needs; owners and direct commands have it. */
export type CommitLedger = Pick<LedgerStore, 'evidence' | 'commit'>

/** One SKU of a pass: its row as it was read, and what follows its cursor without a gap. */
export interface Work {
  readonly state: SkuState
  readonly entries: readonly Entry[]
}

/** What a pass has written. */
export interface Committed {
  readonly decisions: readonly Decision[]
  /** When the holds of this batch end, by the ledger's clock. */
  readonly deadline: Date
}

/**
 * For owners: whether the ledger, or the decision, refused the work itself: rows that contradict
 * each other, or a senseless command. Nothing was committed, and trying again will not help unless
 * somebody mends a row. Never throws.
 */
export function isRefusedWork(error: unknown): boolean {
  return error instanceof AssertionError || error instanceof RefusedWork
}

/**
 * Commits `work` as one transaction, for owners, rebuilds and direct commands. @throws Fenced when
 * a ledger row has moved since it was read, and what {@link isRefusedWork} knows. Any other error
 * leaves the outcome unknown: the caller must read the ledger again.
 */
export async function commitPass(
  ledger: CommitLedger,
  work: readonly Work[],
  holdSeconds: number,
): Promise<Committed> {
  try {
    return await attempt(ledger, work, holdSeconds, false)
  } catch (error) {
    if (!(error instanceof Contested)) throw error
    // A key, a tombstone or a limit that the ledger knew and the gate did not: look, and decide again.
    return attempt(ledger, work, holdSeconds, true)
  }
}

async function attempt(
  ledger: CommitLedger,
  work: readonly Work[],
  holdSeconds: number,
  contested: boolean,
): Promise<Committed> {
  const decisions: Decision[] = []
  // Two SKUs may carry one buyer's key or count against one pool: what the first took, the second sees.
  const taken = new Map<string, string>()
  for (const { state, entries } of work) {
    const hasCommands = entries.some(({ messages }) => messages[0]?.kind !== 'reserve')
    let evidence =
      contested || hasCommands ? await ledger.evidence(state.sku, entries, contested) : noEvidence
    if (contested) evidence = { ...evidence, keys: new Map([...taken, ...evidence.keys]) }
    const decision = decide(state, entries, evidence)
    for (const { key, buyerId, checkoutId } of decision.reserved) {
      if (key !== null) taken.set(keyOf(buyerId, key), checkoutId)
    }
    decisions.push(decision)
  }
  return { decisions, deadline: await ledger.commit(decisions, holdSeconds) }
}
