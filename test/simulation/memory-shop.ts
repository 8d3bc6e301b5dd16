/**
 * What the flows do in their own transactions: they end checkouts and write commands, each verb one transaction. The
 * rules are those of src/flows, without money, orders and mails. `state` in, commands to post out.
 */
import type { CommandKind, StockCommand } from '../../src/stock/protocol/messages.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { type CheckoutRow, type LedgerTables, ownKey } from './stores/ledger-tables.ts'

export interface Line {
  readonly sku: string
  readonly quantity: number
}

export interface Beginning {
  readonly id: string
  readonly buyerId: string
  readonly key: string
  readonly fingerprint: string
  readonly lines: readonly Line[]
}

export interface MemoryShopDeps {
  readonly tables: LedgerTables
  /** Milliseconds since the epoch. */
  readonly now: () => number
  readonly ids: () => string
  readonly holdSeconds: number
  readonly assemblySeconds: number
}

export class MemoryShop {
  readonly #deps: MemoryShopDeps
  readonly #tables: LedgerTables
  /** Expired checkouts that were paid late, until somebody decides about them. */
  readonly #late = new Set<string>()
  readonly #everLate = new Set<string>()

  constructor(deps: MemoryShopDeps) {
    this.#deps = deps
    this.#tables = deps.tables
  }

  /** How many payments wait for a decision. */
  get undecided(): number {
    return this.#late.size
  }

  async exists(sku: string): Promise<boolean> {
    return this.#tables.ledger.has(sku)
  }

  /** Begins a checkout over several SKUs, or finds the one that has the key. */
  async begin({ id, buyerId, key, fingerprint, lines }: Beginning) {
    const { checkouts, keys, parts } = this.#tables
    const named = ownKey(buyerId, key)
    const known = checkouts.get(keys.get(named) ?? '')
    if (known) return { id: known.id, fingerprint: known.fingerprint, fresh: false }
    const expiresAtMs = this.#deps.now() + this.#deps.assemblySeconds * 1_000
    checkouts.set(id, {
      ...{ id, buyerId, key, fingerprint, status: 'assembling', reason: null },
      ...{ duplicateOf: null, expiresAtMs },
    })
    keys.set(named, id)
    parts.set(id, new Map(lines.map(({ sku, quantity }) => [sku, quantity])))
    return { id, fingerprint, fresh: true }
  }

  /** Reserves those assemblies whose parts are all held. */
  async decide(ids: readonly string[]): Promise<void> {
    for (const id of ids) {
      const row = this.#tables.checkouts.get(id)
      if (row?.status !== 'assembling') continue
      const held = this.#tables.holdsOf(id).filter(({ state }) => state === 'held')
      if (held.length === 0 || held.length !== this.#tables.parts.get(id)?.size) continue
      row.status = 'reserved'
      row.expiresAtMs = this.#deps.now() + this.#deps.holdSeconds * 1_000
    }
  }

  /** Rejects assemblies that are not decided, frees their key, and releases whatever they got or may yet get. */
  async giveUp(ids: readonly string[], reason: string): Promise<StockCommand[]> {
    return ids.flatMap((id) => {
      const row = this.#tables.checkouts.get(id)
      if (row?.status !== 'assembling') return []
      Object.assign(row, { status: 'rejected', reason })
      this.#freeKey(row)
      return this.#release(id)
    })
  }

  /** Assemblies past their deadline. */
  async overdue(): Promise<string[]> {
    return this.#due('assembling').map(({ id }) => id)
  }

  /** Ends the holds past their deadline. */
  async expire(): Promise<StockCommand[]> {
    return this.#due('reserved').flatMap((row) => {
      row.status = 'expired'
      return this.#release(row.id)
    })
  }

  /** The buyer gives a checkout up; one that is not committed yet gets a tombstone. */
  async cancel(id: string, buyerId: string): Promise<StockCommand[]> {
    const { checkouts } = this.#tables
    const row = checkouts.get(id)
    if (!row) {
      checkouts.set(id, {
        ...{ id, buyerId, key: null, fingerprint: '', status: 'cancelled', reason: 'by buyer' },
        ...{ duplicateOf: null, expiresAtMs: null },
      })
      return []
    }
    if (row.status !== 'reserved' && row.status !== 'assembling') return []
    row.status = 'cancelled'
    return this.#release(id)
  }

  /** The buyer pays; null: the checkout cannot be paid now. One that has expired is paid late. */
  async pay(id: string): Promise<StockCommand[] | null> {
    const row = this.#tables.checkouts.get(id)
    if (row?.status === 'reserved') {
      row.status = 'confirmed'
      const held = this.#tables.holdsOf(id).filter(({ state }) => state === 'held')
      return this.write(held.map(({ sku }) => this.#command('sell', sku, id)))
    }
    if (row?.status !== 'expired' || this.#everLate.has(id)) return null
    this.#late.add(id)
    this.#everLate.add(id)
    const holds = this.#tables.holdsOf(id).filter(({ units }) => units > 0)
    return this.write(holds.map(({ sku, units }) => this.#command('reclaim', sku, id, units)))
  }

  /** Decides about late money once the owners have answered: all units, or none. */
  async finishLate(): Promise<StockCommand[]> {
    return [...this.#late].flatMap((id) => {
      const waits = [...this.#tables.openCommands].some((command) => {
        return command.checkoutId === id && command.kind === 'reclaim'
      })
      if (waits) return []
      this.#late.delete(id)
      const row = this.#tables.checkouts.get(id)
      if (row?.status !== 'expired') return []
      const holds = this.#tables.holdsOf(id).filter(({ units }) => units > 0)
      const sold = holds.filter(({ state }) => state === 'sold')
      if (holds.length > 0 && sold.length === holds.length) {
        row.status = 'confirmed'
        return []
      }
      return this.write(sold.map(({ sku }) => this.#command('return', sku, id)))
    })
  }

  /** The buyer gives a paid order back. */
  async cancelOrder(id: string): Promise<StockCommand[]> {
    const row = this.#tables.checkouts.get(id)
    if (row?.status !== 'confirmed') return []
    row.status = 'cancelled'
    const holds = this.#tables
      .holdsOf(id)
      .filter(({ state }) => state === 'held' || state === 'sold')
    return this.write(holds.map(({ sku }) => this.#command('return', sku, id)))
  }

  /** Units come, or, below zero, go. */
  async restock(sku: string, units: number): Promise<StockCommand[]> {
    return this.write([this.#command('restock', sku, null, units)])
  }

  /** What the ledger says of partitions to whoever looks whether something is amiss. */
  async openWork(partitions: readonly number[]) {
    const before = this.#deps.now() - 1_000
    return partitions.map((partition) => ({
      partition,
      ...this.#tables.partition(partition),
      overdue: [...this.#tables.openCommands].some(
        (command) => command.partition === partition && command.createdAtMs < before,
      ),
    }))
  }

  #due(status: 'assembling' | 'reserved'): CheckoutRow[] {
    const now = this.#deps.now()
    return [...this.#tables.checkouts.values()].filter(
      (row) => row.status === status && row.expiresAtMs !== null && row.expiresAtMs < now,
    )
  }

  #freeKey(row: CheckoutRow): void {
    if (row.key === null) return
    this.#tables.keys.delete(ownKey(row.buyerId, row.key))
    row.key = null
  }

  #release(id: string): StockCommand[] {
    const held = this.#tables.holdsOf(id).filter(({ state }) => state === 'held')
    const skus = new Set(held.map(({ sku }) => sku))
    for (const sku of this.#tables.parts.get(id)?.keys() ?? []) skus.add(sku)
    return this.write([...skus].map((sku) => this.#command('release', sku, id)))
  }

  #command(
    kind: CommandKind,
    sku: string,
    checkoutId: string | null,
    units: number | null = null,
  ): StockCommand {
    return { kind, sku, id: this.#deps.ids(), checkoutId, units }
  }

  /** Those that were not written before: one of a kind for each checkout and SKU. */
  write(commands: readonly StockCommand[]): StockCommand[] {
    const { commandsOnce, openCommands, commands: rows } = this.#tables
    return commands.filter(({ id, sku, kind, checkoutId, units }) => {
      const once = `${checkoutId} ${sku} ${kind}`
      if (checkoutId !== null && commandsOnce.has(once)) return false
      if (checkoutId !== null) commandsOnce.add(once)
      const row = {
        ...{ id, sku, kind, checkoutId, units, partition: partitionOf(sku) },
        ...{ createdAtMs: this.#deps.now(), doneAtMs: null, outcome: null, closings: 0 },
      }
      rows.set(id, row)
      openCommands.add(row)
      return true
    })
  }
}
