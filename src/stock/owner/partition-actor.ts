/**
 * The single writer of a partition's SKUs: reads what waits in their mailboxes, decides, commits all of
 * it in one transaction, then settles the gates and tells those who wait.
 */
import type { ActorFactory, Found, PartitionActor } from '../../actor/actor.ts'
import { Fenced } from '../../actor/actor.ts'
import { backoffMs } from '../../kernel/backoff.ts'
import type { PipelinedConnection } from '../../platform/postgres/pipeline.ts'
import type { RedisClient } from '../../platform/redis/client.ts'
import type { Decision, SkuState } from '../decide/state.ts'
import { postOpenCommands } from '../gate/post-commands.ts'
import { closePartition, type SettleReply, settle } from '../gate/scripts.ts'
import { type LedgerRow, loadLedger } from '../ledger/read-ledger.ts'
import { channels, partitionKeys, skuKeys } from '../protocol/keys.ts'
import { type Committed, commitPass, isRefusedWork, type Work } from './commit-pass.ts'
import { entriesPerPass, MailboxGap, readMailboxes } from './read-mailbox.ts'
import { installGates, type RebuildDeps, rebuildPartition } from './rebuild.ts'

export interface StockActorDeps extends RebuildDeps {
  /** Milliseconds that never go back, for pauses. */
  readonly monotonic: () => number
  /** Tells requests that wait what became of their checkouts. Must not throw. */
  readonly onCommitted: (partition: number, committed: Committed) => void
  /** Asks for another pass soon. */
  readonly wake: (partition: number) => void
}

/** SKUs that one pass reads, at most; the rest are next. */
const skusPerPass = 64

export function stockActors(deps: StockActorDeps): ActorFactory {
  return {
    async takeOver(partition, connection) {
      const actor = new StockPartitionActor(deps, partition, connection)
      await actor.resume()
      return actor
    },
  }
}

const nothing: Found = { anything: false, arrivals: 0, parts: false }
/** Work after which nobody need be waited for. */
const noCrowd: Found = { anything: true, arrivals: 0, parts: false }

/**
 * Checkouts are followed by more of them; a sweep's releases come by the thousand, but all at once. A mailbox
 * that was not read to its end has more already: nobody need wait for it.
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

/** How long a SKU is left alone whose work was refused again: longer each time. */
const leaveAlone = { baseMs: 20, maxMs: 5_000 } as const

interface LeftAlone {
  readonly refusals: number
  /** By the clock of `monotonic`. */
  readonly until: number
}

class StockPartitionActor implements PartitionActor {
  readonly #deps: StockActorDeps
  readonly #redis: RedisClient
  readonly #partition: number
  readonly #connection: PipelinedConnection
  #generation = 0
  /** Ledger rows of SKUs with something in their mailbox; the owner's memory of the truth. */
  readonly #states = new Map<string, SkuState>()
  /** SKUs whose work was refused: they are left alone for a while, and their mailbox waits, and nobody else's. */
  readonly #leftAlone = new Map<string, LeftAlone>()

  constructor(deps: StockActorDeps, partition: number, connection: PipelinedConnection) {
    this.#deps = deps
    this.#redis = deps.redis
    this.#partition = partition
    this.#connection = connection
  }

  /** Goes on where the predecessor stood: settles what it committed, or rebuilds what Redis lost. */
  async resume(): Promise<void> {
    if (await this.#mustRebuild()) return this.#rebuild()
    const waiting = await this.#redis.smembers(partitionKeys(this.#partition).ready)
    try {
      for (const row of await this.#loadReady(waiting)) await this.#settleNow(row)
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
    const except = [...this.#leftAlone.keys()].filter((sku) => this.#isLeftAlone(sku))
    await postOpenCommands(this.#redis, this.#connection, this.#partition, except)
  }

  async #mustRebuild(): Promise<boolean> {
    const keys = partitionKeys(this.#partition)
    const [state, rows] = await Promise.all([
      closePartition(this.#redis, keys, { closing: '' }),
      this.#connection.query({
        name: 'partition-state',
        text: 'select generation::text, run_id from partitions where partition = $1',
        values: [this.#partition],
      }),
    ])
    this.#generation = Number(rows[0]?.generation)
    return !(
      state.open &&
      state.sameServer &&
      state.generation === this.#generation &&
      state.runId === rows[0]?.run_id
    )
  }

  async #rebuild(): Promise<void> {
    this.#states.clear()
    const { generation, states } = await rebuildPartition(
      this.#deps,
      this.#partition,
      this.#connection,
    )
    this.#generation = generation
    if (states.length > 0) {
      this.#deps.warn(
        `partition ${this.#partition}: rebuilt ${states.length} gates as generation ${generation}`,
      )
    }
    this.#deps.wake(this.#partition)
  }

  async #read(): Promise<Work[]> {
    const keys = partitionKeys(this.#partition)
    const known = [...this.#states.values()]
    const [ready, wanted, knownEntries] = await Promise.all([
      this.#redis.smembers(keys.ready),
      this.#redis.smembers(keys.wanted),
      readMailboxes(this.#redis, this.#partition, known),
    ])
    const work: Work[] = []
    known.forEach((state, i) => {
      const entries = knownEntries[i] ?? []
      if (entries.length > 0) work.push({ state, entries })
      else this.#states.delete(state.sku)
    })
    if (wanted.length > 0) await this.#openGates(wanted)
    const fresh = ready
      .filter((sku) => !known.some((state) => state.sku === sku) && !this.#isLeftAlone(sku))
      .slice(0, skusPerPass)
    if (fresh.length > 0) work.push(...(await this.#readFresh(fresh)))
    return work
  }

  /** Ledger rows of SKUs in the ready set. Throws {@link MailboxGap} when one was rebuilt by somebody else. */
  async #loadReady(skus: readonly string[]): Promise<LedgerRow[]> {
    const rows = await loadLedger(this.#connection, skus)
    const newer = rows.find(({ state }) => state.generation > this.#generation)
    if (newer) throw new MailboxGap(`${newer.state.sku}: its gate is of another generation`)
    // In this generation PostgreSQL has opened no gate for it, so whatever waits there was never granted.
    const stale = rows.filter(({ state }) => state.generation < this.#generation)
    if (stale.length > 0) {
      const { ready } = partitionKeys(this.#partition)
      await this.#redis.srem(ready, ...stale.map(({ state }) => state.sku))
    }
    return rows.filter(({ state }) => state.generation === this.#generation)
  }

  async #readFresh(skus: readonly string[]): Promise<Work[]> {
    const rows = await this.#loadReady(skus)
    const entries = await readMailboxes(
      this.#redis,
      this.#partition,
      rows.map(({ state }) => state),
    )
    const work: Work[] = []
    for (const [i, row] of rows.entries()) {
      const found = entries[i] ?? []
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
      committed = await commitPass(this.#connection, work, this.#deps.holdSeconds)
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
    for (const { state } of work) this.#leftAlone.delete(state.sku)
    for (const { after } of committed.decisions) this.#states.set(after.sku, after)
    this.#deps.onCommitted(this.#partition, committed)
    await this.#settleAll(committed.decisions)
  }

  /** A first refusal may come of a race, which the next pass sees from its other end. */
  #leaveAlone({ state: { sku } }: Work, error: unknown): void {
    const { warn, monotonic } = this.#deps
    const refusals = (this.#leftAlone.get(sku)?.refusals ?? 0) + 1
    this.#leftAlone.set(sku, {
      refusals,
      until: refusals === 1 ? 0 : monotonic() + backoffMs(refusals, leaveAlone),
    })
    warn(`${sku}: its work is refused, the ${refusals}. time: ${String(error)}`)
  }

  #isLeftAlone(sku: string): boolean {
    return this.#deps.monotonic() < (this.#leftAlone.get(sku)?.until ?? 0)
  }

  /**
   * Settles without waiting, except where buyers' counts go back: the ledger remembers one such list, so
   * the next commit may overwrite it only after the gate has it.
   */
  async #settleAll(decisions: readonly Decision[]): Promise<void> {
    const settled = decisions.map((decision) =>
      this.#settleNow({ state: decision.after, shadow: decision.shadow }),
    )
    // What was not settled is forgotten, so that the next pass finds it in the ledger and settles it.
    for (const promise of settled) promise.catch(() => this.#states.clear())
    if (decisions.some(({ shadow }) => shadow.size > 0)) await Promise.all(settled)
  }

  async #settleNow({ state, shadow }: LedgerRow): Promise<SettleReply> {
    const reply = await settle(
      this.#redis,
      { ...skuKeys(this.#partition, state.sku), ready: partitionKeys(this.#partition).ready },
      {
        sku: state.sku,
        freed: channels.freed(this.#partition),
        generation: state.generation,
        cursor: state.cursor,
        free: state.free,
        granted: state.granted,
      },
      [...shadow].flatMap(([buyerId, units]) => [buyerId, -units]),
    )
    if (reply.tag === 'gap') throw new MailboxGap(`${state.sku}: entries of the mailbox are gone`)
    if (reply.tag === 'settled' && reply.entriesLeft > 0) this.#deps.wake(this.#partition)
    return reply
  }

  /** Builds gates that were never built. A gate that was built and is gone means that Redis lost it. */
  async #openGates(wanted: readonly string[]): Promise<void> {
    const { redis } = this.#deps
    const keys = partitionKeys(this.#partition)
    const asked = wanted.slice(0, skusPerPass)
    if (asked.length < wanted.length) this.#deps.wake(this.#partition)
    const rows = await loadLedger(this.#connection, asked)
    const unknown = asked.filter((sku) => !rows.some(({ state }) => state.sku === sku))
    if (unknown.length > 0) await redis.srem(keys.wanted, ...unknown)
    const cold: SkuState[] = []
    for (const { state } of rows) {
      if (state.generation < this.#generation) cold.push(state)
      else if (await redis.exists(skuKeys(this.#partition, state.sku).gate)) {
        await redis.srem(keys.wanted, state.sku)
      } else throw new MailboxGap(`${state.sku}: its gate is gone`)
    }
    if (cold.length === 0) return
    const opened = await this.#connection.query({
      name: 'open-gates',
      text: `update ledger set generation = $3, cursor = 0, shadow = null
        where sku = any($1::text[]) and generation < $3 and partition = $2 returning sku`,
      values: [cold.map(({ sku }) => sku), this.#partition, this.#generation],
    })
    if (opened.length !== cold.length)
      throw new Fenced('a ledger row moved while its gate was opened')
    const states = cold.map((state) => ({ ...state, generation: this.#generation, cursor: 0 }))
    await installGates(this.#deps, this.#partition, this.#connection, states)
  }
}
