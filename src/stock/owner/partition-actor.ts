/**
 * The single writer of a partition's SKUs: reads what waits in their mailboxes, decides, commits
 * all of it in one transaction, then settles the gates and tells those who wait.
 */
import type { ActorFactory, Found, PartitionActor } from '../../actor/actor.ts'
import { Pauses } from '../../kernel/pauses.ts'
import type { Random } from '../../kernel/random.ts'
import type { Decision, SkuState } from '../decide/state.ts'
import { postOpenCommands } from '../gate/post-commands.ts'
import type { LedgerRow, LedgerStore, SettleReply } from '../ports.ts'
import { aboutUnread, type UnreadEntry } from '../protocol/messages.ts'
import { type Committed, commitPass, isRefusedWork, type Work } from './commit-pass.ts'
import { entriesPerPass, MailboxGap, readMailboxes } from './read-mailbox.ts'
import { installGates, type OwnerDeps, type RebuildDeps, rebuildPartition } from './rebuild.ts'

/** What the owners of one worker need. */
export interface StockActorDeps extends RebuildDeps {
  /** Milliseconds that never go back, for pauses. */
  readonly monotonic: () => number
  readonly random: Random
  /** Tells requests that wait what became of their checkouts. Must not throw. */
  readonly onCommitted: (partition: number, committed: Committed) => void
  /** Asks for another pass soon. */
  readonly wake: (partition: number) => void
}

/** SKUs that one pass reads, at most; the rest are next. */
const skusPerPass = 64

/**
 * Makes the owners of partitions, each over the ledger of the session that holds the partition's
 * lock. Lanes call it; it settles what a predecessor left, or rebuilds. Rejects as {@link
 * rebuildPartition} does, and when a store is away.
 */
export function stockActors(deps: StockActorDeps): ActorFactory<LedgerStore> {
  return {
    async takeOver(partition, ledger) {
      const actor = new StockPartitionActor({ ...deps, ledger }, partition)
      await actor.resume()
      return actor
    },
  }
}

const nothing: Found = { anything: false, arrivals: 0, parts: false }
/** Work after which nobody need be waited for. */
const noCrowd: Found = { anything: true, arrivals: 0, parts: false }

/**
 * Checkouts are followed by more of them; a sweep's releases come by the thousand, but all at once.
 * A mailbox that was not read to its end has more already: nobody need wait for it.
 */
function found(work: readonly Work[]): Found {
  let arrivals = 0
  let parts = false
  for (const { entries } of work) {
    if (entries.length >= entriesPerPass) return noCrowd
    for (const { messages } of entries) {
      const first = messages[0]
      if (first?.kind !== 'reserve') continue
      arrivals += messages.length
      parts ||= first.key === null
    }
  }
  return { anything: true, arrivals, parts }
}

/**
 * How long a SKU is left alone whose work is refused. A first refusal may come of a race, which the
 * next pass ends.
 */
const afterRefusal = { baseMs: 20, maxMs: 5_000, forgiven: 1 }
/** How long, when its mailbox goes on with what only a newer release reads. */
const untilRollOut = { baseMs: 250, maxMs: 30_000 }

class StockPartitionActor implements PartitionActor {
  readonly #deps: StockActorDeps & OwnerDeps
  readonly #partition: number
  #generation = 0
  /** Ledger rows of SKUs with something in their mailbox; the owner's memory of the truth. */
  readonly #states = new Map<string, SkuState>()
  /** SKUs that are left alone for a while: their mailbox waits, and nobody else's. */
  readonly #refused: Pauses<string>
  readonly #unread: Pauses<string>

  constructor(deps: StockActorDeps & OwnerDeps, partition: number) {
    this.#deps = deps
    this.#partition = partition
    this.#refused = new Pauses(deps, afterRefusal)
    this.#unread = new Pauses(deps, untilRollOut)
  }

  /**
   * Goes on where the predecessor stood: settles what it committed, or rebuilds what Redis lost.
   */
  async resume(): Promise<void> {
    if (await this.#mustRebuild()) return this.#rebuild()
    const { ready } = await this.#deps.mailbox.waiting(this.#partition)
    try {
      for (const row of await this.#loadReady(ready)) await this.#settleNow(row)
    } catch (error) {
      if (!(error instanceof MailboxGap)) throw error
      return this.#rebuild()
    }
    this.#deps.wake(this.#partition)
  }

  async pass(): Promise<Found> {
    try {
      const work = await this.#read()
      if (work.length === 0) return nothing
      await this.#commit(work)
      return found(work)
    } catch (error) {
      if (!(error instanceof MailboxGap)) throw error
      this.#deps.warn(error.message)
      await this.#rebuild()
      return noCrowd
    }
  }

  async tend(): Promise<void> {
    if (await this.#mustRebuild()) await this.#rebuild()
    const { gates, ledger } = this.#deps
    const refused = this.#refused.failed.filter((sku) => this.#refused.pauses(sku))
    // Whoever reads those mailboxes again posts what is open then.
    const except = [...refused, ...this.#unread.failed]
    await postOpenCommands(gates, ledger, this.#partition, except)
  }

  async #mustRebuild(): Promise<boolean> {
    const [state, known] = await Promise.all([
      this.#deps.gates.look(this.#partition),
      this.#deps.ledger.partition(this.#partition),
    ])
    this.#generation = known.generation
    return !(
      state.open &&
      state.sameServer &&
      state.generation === known.generation &&
      state.runId === known.runId
    )
  }

  async #rebuild(): Promise<void> {
    this.#states.clear()
    const { generation, states } = await rebuildPartition(this.#deps, this.#partition)
    this.#generation = generation
    if (states.length > 0) {
      this.#deps.warn(
        `partition ${this.#partition}: rebuilt ${states.length} gates as generation ${generation}`,
      )
    }
    this.#deps.wake(this.#partition)
  }

  async #read(): Promise<Work[]> {
    const { mailbox } = this.#deps
    const known = [...this.#states.values()]
    const [{ ready, wanted }, mails] = await Promise.all([
      mailbox.waiting(this.#partition),
      readMailboxes(mailbox, this.#partition, known),
    ])
    const work: Work[] = []
    known.forEach((state, i) => {
      const mail = mails[i]
      if (mail?.entries.length) work.push({ state, entries: mail.entries })
      else this.#states.delete(state.sku)
      if (!mail?.entries.length && mail?.unread) this.#leaveUnread(state.sku, mail.unread)
    })
    if (wanted.length > 0) await this.#openGates(wanted)
    const fresh = ready
      .filter((sku) => !known.some((state) => state.sku === sku) && !this.#isLeftAlone(sku))
      .slice(0, skusPerPass)
    if (fresh.length > 0) work.push(...(await this.#readFresh(fresh)))
    return work
  }

  /**
   * Ledger rows of SKUs in the ready set. Throws {@link MailboxGap} when one was rebuilt by
   * somebody else.
   */
  async #loadReady(skus: readonly string[]): Promise<LedgerRow[]> {
    const rows = await this.#deps.ledger.rows(skus)
    const newer = rows.find(({ state }) => state.generation > this.#generation)
    if (newer) throw new MailboxGap(`${newer.state.sku}: its gate is of another generation`)
    // In this generation the ledger has opened no gate for it, so whatever waits there was never granted.
    const stale = rows.filter(({ state }) => state.generation < this.#generation)
    if (stale.length > 0) {
      const skus = stale.map(({ state }) => state.sku)
      await this.#deps.mailbox.forgetReady(this.#partition, skus)
    }
    return rows.filter(({ state }) => state.generation === this.#generation)
  }

  async #readFresh(skus: readonly string[]): Promise<Work[]> {
    const rows = await this.#loadReady(skus)
    const mails = await readMailboxes(
      this.#deps.mailbox,
      this.#partition,
      rows.map(({ state }) => state),
    )
    const work: Work[] = []
    for (const [i, row] of rows.entries()) {
      const { entries: found = [], unread } = mails[i] ?? {}
      if (found.length === 0 && unread) this.#leaveUnread(row.state.sku, unread)
      // Nothing after the cursor, or buyers' counts that may not have gone back: committed, but never
      // settled. The next commit overwrites the list, so the gate gets it first.
      if (found.length === 0 || row.shadow.size > 0) {
        const { tag } = await this.#settleNow(row)
        if (tag === 'stale') throw new MailboxGap(`${row.state.sku}: its gate is gone`)
      }
      if (found.length > 0) work.push({ state: row.state, entries: found })
    }
    return work
  }

  async #commit(work: readonly Work[]): Promise<void> {
    let committed: Committed
    try {
      committed = await commitPass(this.#deps.ledger, work, this.#deps.holdSeconds)
    } catch (error) {
      // Whether it was committed is not known: nothing in memory may be believed any more.
      this.#states.clear()
      if (!isRefusedWork(error)) throw error
      for (const one of work) {
        // Nothing was committed because of one of them. Alone, the others get through.
        if (work.length > 1) await this.#commit([one])
        else this.#leaveAlone(one, error)
      }
      return
    }
    for (const { state } of work) {
      this.#refused.forget(state.sku)
      this.#unread.forget(state.sku)
    }
    for (const { after } of committed.decisions) this.#states.set(after.sku, after)
    this.#deps.onCommitted(this.#partition, committed)
    await this.#settleAll(committed.decisions)
  }

  #leaveAlone({ state: { sku } }: Work, error: unknown): void {
    const refusals = this.#refused.fail(sku)
    this.#deps.warn(
      `${sku}: its work is refused (refusal ${refusals}); leaving this SKU alone for a while: ${String(error)}`,
    )
  }

  #leaveUnread(sku: string, entry: UnreadEntry): void {
    this.#unread.fail(sku)
    this.#deps.warn(aboutUnread(sku, entry))
  }

  #isLeftAlone(sku: string): boolean {
    return this.#refused.pauses(sku) || this.#unread.pauses(sku)
  }

  /**
   * Settles without waiting, except where buyers' counts go back: the ledger remembers one such
   * list, so the next commit may overwrite it only after the gate has it.
   */
  async #settleAll(decisions: readonly Decision[]): Promise<void> {
    const settled = decisions.map((decision) =>
      this.#settleNow({ state: decision.after, shadow: decision.shadow }),
    )
    // What was not settled is forgotten, so that the next pass finds it in the ledger and settles it.
    for (const promise of settled) promise.catch(() => this.#states.clear())
    if (decisions.some(({ shadow }) => shadow.size > 0)) await Promise.all(settled)
  }

  async #settleNow(row: LedgerRow): Promise<SettleReply> {
    const reply = await this.#deps.gates.settle(row)
    const { sku } = row.state
    if (reply.tag === 'gap') throw new MailboxGap(`${sku}: entries of the mailbox are gone`)
    if (reply.tag === 'settled' && reply.entriesLeft > 0) this.#deps.wake(this.#partition)
    return reply
  }

  /**
   * Builds gates that were never built. A gate that was built and is gone means that Redis lost it.
   */
  async #openGates(wanted: readonly string[]): Promise<void> {
    const { gates, mailbox, ledger } = this.#deps
    const partition = this.#partition
    const generation = this.#generation
    const asked = wanted.slice(0, skusPerPass)
    if (asked.length < wanted.length) this.#deps.wake(partition)
    const rows = await ledger.rows(asked)
    const unknown = asked.filter((sku) => !rows.some(({ state }) => state.sku === sku))
    if (unknown.length > 0) await mailbox.forgetWanted(partition, unknown)
    const cold: SkuState[] = []
    for (const { state } of rows) {
      if (state.generation < generation) cold.push({ ...state, generation, cursor: 0 })
      else if (await mailbox.hasGate(state.sku, state.generation))
        await mailbox.forgetWanted(partition, [state.sku])
      else throw new MailboxGap(`${state.sku}: its gate is gone`)
    }
    if (cold.length === 0) return
    const skus = cold.map(({ sku }) => sku)
    await ledger.openGates(partition, skus, generation)
    const loading = { partition, generation, states: cold }
    await gates.beginLoading(loading)
    await installGates(this.#deps, loading)
  }
}
