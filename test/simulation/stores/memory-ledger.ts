/**
 * The ledger in memory. Each verb does what its statements in src/stock/ledger do, with the same constraints; compare
 * the two when one of them changes.
 */
import { Fenced } from '../../../src/actor/actor.ts'
import { isUuid } from '../../../src/kernel/ids.ts'
import {
  type Counted,
  type Decision,
  type Evidence,
  type Hold,
  keyOf,
  poolKey,
} from '../../../src/stock/decide/state.ts'
import {
  type BuyerCount,
  type LedgerPartition,
  type LedgerRow,
  type LedgerStore,
  type RecentRequest,
  RefusedWork,
} from '../../../src/stock/ports.ts'
import { partitionDigits } from '../../../src/stock/protocol/checkout-id.ts'
import type { Command, Entry, Reserve, StockCommand } from '../../../src/stock/protocol/messages.ts'
import type { Mutants } from '../mutants.ts'
import { Batch } from './commit-in-memory.ts'
import { type CommandRow, type LedgerTableRow, type LedgerTables, ownKey } from './ledger-tables.ts'

export interface MemoryLedgerDeps {
  readonly tables: LedgerTables
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Left out: none. */
  readonly mutants?: Mutants
}

export class MemoryLedger implements LedgerStore {
  readonly #tables: LedgerTables
  readonly #now: () => number
  readonly #mutants: Mutants

  constructor({ tables, now, mutants = {} }: MemoryLedgerDeps) {
    this.#tables = tables
    this.#now = now
    this.#mutants = mutants
  }

  async rows(skus: readonly string[]): Promise<LedgerRow[]> {
    return skus.flatMap((sku) => {
      const row = this.#tables.ledger.get(sku)
      return row ? [rowOf(row)] : []
    })
  }

  async openedRows(partition: number, generation: number): Promise<LedgerRow[]> {
    return this.#opened(partition, generation).map(rowOf)
  }

  async partition(partition: number): Promise<LedgerPartition> {
    return { ...this.#tables.partition(partition) }
  }

  async nextGeneration(partition: number, from: number, to: number, runId: string): Promise<void> {
    const row = this.#tables.partition(partition)
    if (row.generation !== from) throw new Fenced('fenced: 0 of 1 rows moved')
    for (const each of this.#opened(partition, from)) moveTo(each, to)
    row.generation = to
    row.runId = runId
  }

  async openGates(partition: number, skus: readonly string[], generation: number): Promise<void> {
    const older = skus.flatMap((sku) => {
      const row = this.#tables.ledger.get(sku)
      return row?.partition === partition && row.state.generation < generation ? [row] : []
    })
    for (const row of older) moveTo(row, generation)
    if (older.length !== skus.length)
      throw new Fenced('a ledger row moved while its gate was opened')
  }

  async evidence(sku: string, entries: readonly Entry[], contested: boolean): Promise<Evidence> {
    const messages = entries.flatMap((entry) => entry.messages)
    const commands = messages.filter((message): message is Command => message.kind !== 'reserve')
    const reserves = contested
      ? messages.filter((message): message is Reserve => message.kind === 'reserve')
      : []
    for (const id of [...messages.map(idOf), ...commands.map(({ checkoutId }) => checkoutId)])
      if (id !== null && !isUuid(id)) throw new RefusedWork(`no uuid: ${id}`)
    const tables = this.#tables
    const named = commands.flatMap(({ checkoutId }) => checkoutId ?? [])
    const holds = this.#holds(sku, [...reserves.map(({ checkoutId }) => checkoutId), ...named])
    const keyed = reserves.flatMap(({ buyerId, key }): [string, string][] => {
      const id = key === null ? undefined : tables.keys.get(ownKey(buyerId, key))
      return key === null || id === undefined ? [] : [[keyOf(buyerId, key), id]]
    })
    return {
      openCommands: new Set(commands.map(({ id }) => id).filter((id) => this.#isOpen(id))),
      holds,
      checkouts: new Set(
        reserves.map(({ checkoutId }) => checkoutId).filter((id) => tables.checkouts.has(id)),
      ),
      keys: new Map(keyed),
      units: this.#units([
        ...reserves.map(({ terms, buyerId }) => ({ pool: terms.pool, buyerId })),
        ...this.#holds(sku, named).values(),
      ]),
    }
  }

  async commit(decisions: readonly Decision[], holdSeconds: number): Promise<Date> {
    const batch = new Batch(this.#tables, this.#now(), this.#mutants)
    batch.write(decisions, holdSeconds)
    return new Date(this.#now() + holdSeconds * 1_000)
  }

  async buyersOf(pool: string, after: string, countMax: number): Promise<BuyerCount[]> {
    return [...this.#tables.buyerUnits.values()]
      .filter((row) => row.pool === pool && row.units > 0 && row.buyerId > after)
      .sort((a, b) => (a.buyerId < b.buyerId ? -1 : 1))
      .slice(0, countMax)
      .map(({ buyerId, units }) => ({ buyerId, units }))
  }

  async recentRequests(
    partition: number,
    after: string,
    countMax: number,
  ): Promise<RecentRequest[]> {
    const digits = partitionDigits(partition)
    return [...this.#tables.checkouts.values()]
      .filter(({ id }) => id > after && id.slice(15, 18) === digits)
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, countMax)
      .flatMap(({ id: checkoutId, buyerId, key, fingerprint }) => {
        const holds = this.#tables.holdsOf(checkoutId)
        const skus = holds.length === 0 ? [null] : holds.map(({ sku }) => sku)
        return skus.map((sku) => ({ checkoutId, buyerId, key, fingerprint, sku }))
      })
  }

  async openCommands(
    partition: number,
    except: readonly string[],
    countMax: number,
  ): Promise<StockCommand[]> {
    const before = this.#now() - 1_000
    return this.#open(countMax, (row) => {
      return row.partition === partition && row.createdAtMs < before && !except.includes(row.sku)
    })
  }

  async allOpenCommands(countMax: number): Promise<StockCommand[]> {
    return this.#open(countMax, () => true)
  }

  async distrustGates(): Promise<void> {
    for (const row of this.#tables.partitions.values()) row.runId = null
  }

  #opened(partition: number, generation: number): LedgerTableRow[] {
    if (generation === 0) return []
    return [...this.#tables.ledger.values()].filter(
      (row) => row.partition === partition && row.state.generation === generation,
    )
  }

  #isOpen(commandId: string): boolean {
    const row = this.#tables.commands.get(commandId)
    return row !== undefined && (row.doneAtMs === null || this.#mutants.commandsReopened === true)
  }

  #holds(sku: string, checkoutIds: readonly string[]): Map<string, Hold> {
    const found = new Map<string, Hold>()
    for (const checkoutId of checkoutIds) {
      const row = this.#tables.holds.get(checkoutId)?.get(sku)
      if (!row) continue
      const { buyerId, units, pool, state } = row
      found.set(checkoutId, { checkoutId, buyerId, units, pool, state })
    }
    return found
  }

  #units(
    wanted: readonly { readonly pool: string | null; readonly buyerId: string }[],
  ): Map<string, Counted> {
    const found = new Map<string, Counted>()
    if (this.#mutants.limitsUnchecked) return found
    for (const { pool, buyerId } of wanted) {
      const row = pool === null ? undefined : this.#tables.buyerUnits.get(poolKey(pool, buyerId))
      if (row) found.set(poolKey(row.pool, buyerId), { units: row.units, limit: row.limit })
    }
    return found
  }

  #open(countMax: number, wanted: (row: CommandRow) => boolean): StockCommand[] {
    return [...this.#tables.openCommands]
      .filter(wanted)
      .sort((a, b) => a.createdAtMs - b.createdAtMs)
      .slice(0, countMax)
      .map(({ id, sku, kind, checkoutId, units }) => ({ id, sku, kind, checkoutId, units }))
  }
}

const rowOf = ({ state, shadow }: LedgerTableRow): LedgerRow => ({ state, shadow })

const idOf = (message: Reserve | Command): string =>
  message.kind === 'reserve' ? message.checkoutId : message.id

function moveTo(row: LedgerTableRow, generation: number): void {
  row.state = { ...row.state, generation, cursor: 0 }
  row.shadow = new Map()
}
