/** Decides and commits one pass. The fast path is one round trip; a contradiction costs two more. */
import { Fenced } from '../../actor/actor.ts'
import { AssertionError } from '../../kernel/assert.ts'
import { fencedCode, type PipelinedConnection, sqlState } from '../../platform/postgres/pipeline.ts'
import { decide } from '../decide/decide.ts'
import { type Decision, noEvidence, type SkuState } from '../decide/state.ts'
import { batchStatements, deadlineOf } from '../ledger/commit-batch.ts'
import { loadEvidence } from '../ledger/evidence.ts'
import type { Entry } from '../protocol/messages.ts'

export interface Work {
  readonly state: SkuState
  readonly entries: readonly Entry[]
}

export interface Committed {
  readonly decisions: readonly Decision[]
  /** When the holds of this batch end, by PostgreSQL's clock. */
  readonly deadline: Date
}

/**
 * Whether PostgreSQL, or the decision, refused the work itself: rows that contradict each other, or a command that
 * makes no sense. Nothing was committed, and trying again will not help unless somebody mends a row.
 */
export function isRefusedWork(error: unknown): boolean {
  return error instanceof AssertionError || /^2[23]/.test(sqlState(error) ?? '')
}

const uniqueViolation = '23505'
const checkViolation = '23514'

/**
 * Commits `work` as one transaction. Throws {@link Fenced} when a ledger row has moved since it was read;
 * any other error leaves the outcome unknown to the caller, who must read the ledger again.
 */
export async function commitPass(
  connection: PipelinedConnection,
  work: readonly Work[],
  holdSeconds: number,
): Promise<Committed> {
  try {
    return await attempt(connection, work, holdSeconds, false)
  } catch (error) {
    const state = sqlState(error)
    if (state === fencedCode) throw new Fenced((error as Error).message)
    // A key, a tombstone or a limit that PostgreSQL knew and the gate did not: look, and decide again.
    if (state !== uniqueViolation && state !== checkViolation) throw error
  }
  try {
    return await attempt(connection, work, holdSeconds, true)
  } catch (error) {
    if (sqlState(error) === fencedCode) throw new Fenced((error as Error).message)
    throw error
  }
}

async function attempt(
  connection: PipelinedConnection,
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
      contested || hasCommands
        ? await loadEvidence(connection, state.sku, entries, contested)
        : noEvidence
    if (contested) evidence = { ...evidence, keys: new Map([...taken, ...evidence.keys]) }
    const decision = decide(state, entries, evidence)
    for (const { key, buyerId, checkoutId } of decision.reserved) {
      if (key !== null) taken.set(`${buyerId} ${key}`, checkoutId)
    }
    decisions.push(decision)
  }
  const rows = await connection.transaction(batchStatements(decisions, holdSeconds))
  return { decisions, deadline: deadlineOf(rows) }
}
