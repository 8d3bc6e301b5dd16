/** The tables of the ledger's database that the stock protocol and its flows touch, as values. */
import type { HoldState, SkuState } from '../../../src/stock/decide/state.ts'
import type { CommandKind } from '../../../src/stock/protocol/messages.ts'

export interface LedgerTableRow {
  state: SkuState
  shadow: ReadonlyMap<string, number>
  readonly partition: number
}

export type CheckoutStatus =
  | 'assembling'
  | 'reserved'
  | 'confirmed'
  | 'expired'
  | 'cancelled'
  | 'rejected'

export interface CheckoutRow {
  readonly id: string
  readonly buyerId: string
  /** Null for one that ended without effect. */
  key: string | null
  readonly fingerprint: string
  status: CheckoutStatus
  reason: string | null
  readonly duplicateOf: string | null
  /** Milliseconds since the epoch; null: no deadline. */
  expiresAtMs: number | null
}

export interface HoldRow {
  readonly checkoutId: string
  readonly sku: string
  units: number
  readonly pool: string | null
  readonly buyerId: string
  state: HoldState
}

export interface CommandRow {
  readonly id: string
  readonly partition: number
  readonly sku: string
  readonly kind: CommandKind
  readonly checkoutId: string | null
  readonly units: number | null
  createdAtMs: number
  doneAtMs: number | null
  outcome: string | null
  /** How many commits have closed it. */
  closings: number
}

export interface BuyerUnitsRow {
  readonly pool: string
  readonly buyerId: string
  units: number
  limit: number
}

export interface PartitionRow {
  generation: number
  runId: string | null
}

export class LedgerTables {
  readonly partitions = new Map<number, PartitionRow>()
  readonly ledger = new Map<string, LedgerTableRow>()
  readonly checkouts = new Map<string, CheckoutRow>()
  /** {@link ownKey} → the checkout that has it. */
  readonly keys = new Map<string, string>()
  /** Checkout → SKU → units, known before any gate is asked. */
  readonly parts = new Map<string, ReadonlyMap<string, number>>()
  /** Checkout → SKU → hold. */
  readonly holds = new Map<string, Map<string, HoldRow>>()
  /** `pool buyer` → row. */
  readonly buyerUnits = new Map<string, BuyerUnitsRow>()
  readonly commands = new Map<string, CommandRow>()
  /** Those of `commands` that are open. */
  readonly openCommands = new Set<CommandRow>()
  /** Checkout, SKU and kind of every command that names a checkout. */
  readonly commandsOnce = new Set<string>()

  partition(partition: number): PartitionRow {
    let row = this.partitions.get(partition)
    if (!row) {
      row = { generation: 0, runId: null }
      this.partitions.set(partition, row)
    }
    return row
  }

  holdsOf(checkoutId: string): HoldRow[] {
    return [...(this.holds.get(checkoutId)?.values() ?? [])]
  }
}

/** Names a buyer's key in {@link LedgerTables.keys}. */
export const ownKey = (buyerId: string, key: string): string => `${buyerId} ${key}`

/** Opens the ledger row of a new SKU, all of its units free. */
export function openRow(tables: LedgerTables, sku: string, partition: number, units: number): void {
  const state: SkuState = {
    ...{ sku, onHand: units, free: units, setAside: 0, held: 0, sold: 0 },
    ...{ granted: 0, generation: 0, cursor: 0 },
  }
  tables.ledger.set(sku, { state, shadow: new Map(), partition })
}
