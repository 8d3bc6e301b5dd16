/**
 * Builds a partition's Redis state anew from PostgreSQL, under a new generation. Safe at any moment
 * of a sale, any number of times: until its last step nobody is admitted, and every step may be run
 * again.
 *
 * A partition with an entry of a version that this release does not read is not rebuilt: it stays
 * closed, its mailboxes stay as they are, and the worker gives it back for one of the newer
 * release. To pass over that SKU alone would break its buyers' trust: once a generation is closed,
 * whoever asks for a checkout of it that PostgreSQL does not have is told that it is lost, and its
 * entry would be committed afterwards.
 */
import { isDeepStrictEqual } from 'node:util'
import { BeyondThisWorker, Fenced } from '../../actor/actor.ts'
import type { SkuState } from '../decide/state.ts'
import { refreshTerms } from '../gate/refresh-terms.ts'
import type { GateStore, LedgerRow, LedgerStore, Loading, Mailbox } from '../ports.ts'
import { aboutUnread } from '../protocol/messages.ts'
import { notOnSale, type OfferSource } from '../protocol/offers.ts'
import { commitPass, isRefusedWork, type Work } from './commit-pass.ts'
import { loadBuyers, loadRequests } from './load-from-ledger.ts'
import { MailboxGap, readMailboxes } from './read-mailbox.ts'

/** What building gates needs, of one worker. */
export interface RebuildDeps {
  readonly gates: GateStore
  readonly mailbox: Mailbox
  readonly offers: OfferSource
  /** How long a hold lasts. */
  readonly holdSeconds: number
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Hears one sentence about what somebody may want to know. Must not throw. */
  readonly warn: (message: string) => void
}

/** As {@link RebuildDeps}, with the ledger of the session that holds the partition's lock. */
export interface OwnerDeps extends RebuildDeps {
  readonly ledger: LedgerStore
}

/**
 * What a rebuild has built, for the owner: the partition's generation, and the rows of its gates.
 */
export interface Rebuilt {
  readonly generation: number
  readonly states: SkuState[]
}

/**
 * Rebuilds one partition. The owner calls it at its take-over, and whenever it finds that the gates
 * have lost something. @throws Fenced when somebody else has moved on meanwhile; BeyondThisWorker
 * when a mailbox holds what this release does not read (what it reads is committed by then); and
 * when a store is away.
 */
export async function rebuildPartition(deps: OwnerDeps, partition: number): Promise<Rebuilt> {
  const { gates, ledger } = deps
  const seen = await gates.look(partition)
  const { generation: before } = await ledger.partition(partition)
  // Who has moved the ledger to `before`, or an older generation, and has not opened it yet must not do so any more:
  // what it admitted would be drained by nobody. Who moves the ledger on from here opens a newer one than is closed.
  const closed = await gates.close(partition, Math.max(before, seen.generation))
  if (closed.open) throw new Fenced(`partition ${partition}: opened by somebody else`)
  const unread = await drain(deps, partition, await ledger.openedRows(partition, before))
  if (unread.length > 0) {
    throw new BeyondThisWorker(
      `partition ${partition} is not rebuilt and stays closed: ${unread.join('; ')}`,
    )
  }
  const generation = Math.max(before, closed.generation) + 1
  await ledger.nextGeneration(partition, before, generation, closed.runId)

  const states = (await ledger.openedRows(partition, generation)).map(({ state }) => state)
  const loading = { partition, generation, states }
  await gates.beginLoading(loading)
  await loadRequests(deps, loading, deps.now())
  await installGates(deps, loading)
  if (!(await gates.open(partition, generation, closed.runId))) {
    throw new Fenced(`partition ${partition}: Redis has moved past generation ${generation}`)
  }
  return { generation, states }
}

/**
 * Versions count on from here: above every one that API processes have seen of an older generation.
 */
const firstVersion = (generation: number): number => generation * 1_000_000 + 1

/**
 * Builds gates from their ledger rows, whose generation must be the partition's, after
 * `beginLoading`. Owners call it, in a rebuild and for a SKU that never had a gate. Rejects when a
 * store is away.
 */
export async function installGates(deps: OwnerDeps, { states }: Loading): Promise<void> {
  if (states.length === 0) return
  const { gates } = deps
  const skus = states.map(({ sku }) => sku)
  const offers = await deps.offers.offers(skus)
  for (const state of states) {
    const offer = offers.get(state.sku) ?? notOnSale(state.sku)
    await loadBuyers(deps, state, offer.terms.pool)
    await gates.install(state, offer, firstVersion(state.generation))
  }
  // An edit that came after the offers were read found no gate of this generation to tell.
  const now = await deps.offers.offers(skus)
  for (const sku of skus) {
    if (!isDeepStrictEqual(now.get(sku), offers.get(sku)))
      await refreshTerms(gates, deps.offers, sku)
  }
}

/**
 * Commits what the mailboxes of a closed partition still hold: it was accepted, so it is not lost.
 * Returns a sentence on each mailbox that this release does not read to its end.
 */
async function drain(
  deps: OwnerDeps,
  partition: number,
  rows: readonly LedgerRow[],
): Promise<string[]> {
  const waiting: string[] = []
  for (const row of rows) {
    let next: SkuState | null = row.state
    while (next) {
      const state: SkuState = next
      try {
        const [mail] = await readMailboxes(deps.mailbox, partition, [state])
        if (mail?.unread && mail.entries.length === 0) {
          waiting.push(aboutUnread(state.sku, mail.unread))
        }
        next = mail?.entries.length
          ? await commitOrPass(deps, { state, entries: mail.entries })
          : null
      } catch (error) {
        if (!(error instanceof MailboxGap)) throw error
        next = await movedOn(deps, state)
        if (!next)
          deps.warn(`${error.message}: the entries after the hole are lost; the rebuild goes on`)
      }
    }
  }
  return waiting
}

/**
 * The row as it is now, if somebody has moved it within its generation; else null. An owner that
 * does not know yet that it is none may have committed, and taken out of the mailbox, what seems to
 * be missing there.
 */
async function movedOn({ ledger }: OwnerDeps, before: SkuState): Promise<SkuState | null> {
  const [row] = await ledger.rows([before.sku])
  const moved = row?.state.generation === before.generation && row.state.cursor > before.cursor
  return row && moved ? row.state : null
}

/**
 * Commits work and returns the state after it. An entry that is refused is passed over, alone: its
 * partition must not stay closed because of it. What it held is lost, and whoever asks for it is
 * told so.
 */
async function commitOrPass(
  deps: Pick<OwnerDeps, 'ledger' | 'holdSeconds' | 'warn'>,
  { state, entries }: Work,
): Promise<SkuState> {
  try {
    const { decisions } = await commitPass(deps.ledger, [{ state, entries }], deps.holdSeconds)
    return decisions[0]?.after ?? state
  } catch (error) {
    if (!isRefusedWork(error)) throw error
    const [first, ...rest] = entries
    if (!first || (first.messages.length === 0 && rest.length === 0)) {
      throw new MailboxGap(`${state.sku}: nothing of it can be committed: ${String(error)}`)
    }
    if (rest.length > 0) {
      let after = state
      for (const entry of entries)
        after = await commitOrPass(deps, { state: after, entries: [entry] })
      return after
    }
    deps.warn(
      `${state.sku}: ${first.messages.length} messages are lost, they are refused; the rebuild goes on: ${String(error)}`,
    )
    return commitOrPass(deps, { state, entries: [{ ...first, messages: [] }] })
  }
}
