/** Orders, payments, attempts, refunds and units as plain rows, and the owners' work on the units. */
import type { AttemptState, MoneyFacts } from '../../../src/flows/pay/money/facts.ts'
import type { RefundEntry } from '../../../src/flows/pay/money/refund-facts.ts'
import { type BeginRequest, leaseSeconds } from '../../../src/flows/pay/money/store.ts'
import { canMove } from '../../../src/orders/order-state.ts'
import type { OrderState, Outcome } from '../../../src/orders/order-words.ts'
import type { BuyerDetails, CardFacts } from '../../../src/payments/gateway.ts'
import type { OutboxRow } from '../../../src/platform/outbox.ts'
import type { CommandKind, StockCommand } from '../../../src/stock/protocol/messages.ts'
import type { MoneyMutants } from '../money/money-mutants.ts'

export interface OrderRow {
  readonly id: string
  readonly buyerId: string
  /** Without a number it is a tombstone. */
  readonly placed: boolean
  state: OrderState
  outcome: Outcome | null
  reason: string | null
  readonly total: number
  readonly currency: string
  expiresAtMs: number | null
}

export interface MoneyLine {
  readonly orderId: string
  readonly sku: string
  readonly sellerId: string | null
  readonly unitPrice: number
  readonly quantity: number
  /** Less those that came back after they were paid for. */
  units: number
  stock: 'held' | 'sold' | 'released' | 'returned'
}

export interface PaymentRow {
  readonly checkoutId: string
  intentId: string | null
  readonly amount: number
  readonly currency: string
  status: 'open' | 'succeeded' | 'canceled'
  captured: number
  refunded: number
  reclaimingSinceMs: number | null
  flagged: string | null
  /** A card was replaced by another: the rules say which of them paid. */
  replaced: boolean
}

export interface AttemptRow {
  readonly checkoutId: string
  readonly attempt: number
  readonly paymentMethodId: string
  state: AttemptState
  declineCode: string | null
  clientSecret: string | null
  createdAtMs: number
  sentAtMs: number | null
  leasedUntilMs: number
  keyRound: number
  details: BuyerDetails | null
  card: CardFacts | null
  processing: boolean
}

export interface RefundRow extends Omit<RefundEntry, 'state' | 'takenSeconds' | 'due'> {
  readonly checkoutId: string
  state: RefundEntry['state']
  providerId: string | null
  nextId: string | null
  attempts: number
  triedAtMs: number | null
  createdAtMs: number
  takenAtMs: number | null
  /** Of a pending one: when it is looked at; of a failed one: when its money is asked for again. */
  againAtMs: number | null
  lastError: string | null
}

export interface ToldRow extends OutboxRow {
  state: 'open' | 'done' | 'parked'
  attempts: number
  dueAtMs: number
}

export interface MoneyCommand extends StockCommand {
  done: boolean
}

export interface Units {
  readonly onHand: number
  free: number
}

/** What PostgreSQL has. Rows change in place; nothing here checks a rule. */
export class MoneyTables {
  readonly orders = new Map<string, OrderRow>()
  readonly lines = new Map<string, MoneyLine[]>()
  readonly payments = new Map<string, PaymentRow>()
  readonly attempts = new Map<string, AttemptRow[]>()
  readonly refunds = new Map<string, RefundRow>()
  readonly history: { readonly orderId: string; readonly from: string; readonly to: string }[] = []
  readonly told = new Map<string, ToldRow>()
  readonly units = new Map<string, Units>()
  readonly commands: MoneyCommand[] = []
  readonly #commandsOnce = new Set<string>()
  readonly ids: () => string
  /** Milliseconds since the epoch. */
  readonly now: () => number

  /** By how much what is asked for again after days comes sooner. */
  readonly haste: number
  readonly #onCommand: (command: MoneyCommand) => void
  readonly #mutants: MoneyMutants

  constructor(deps: {
    readonly ids: () => string
    readonly now: () => number
    /** Told of every command that is written. */
    readonly onCommand?: (command: MoneyCommand) => void
    readonly haste?: number
    readonly mutants?: MoneyMutants
  }) {
    this.haste = deps.haste ?? 1
    this.#mutants = deps.mutants ?? {}
    this.ids = deps.ids
    this.now = deps.now
    this.#onCommand = deps.onCommand ?? (() => {})
  }

  *openAttempts(): Generator<AttemptRow> {
    for (const rows of this.attempts.values()) for (const row of rows) if (isOpen(row)) yield row
  }

  attemptsOf(checkoutId: string): AttemptRow[] {
    return this.attempts.get(checkoutId) ?? []
  }

  linesOf(checkoutId: string): MoneyLine[] {
    return this.lines.get(checkoutId) ?? []
  }

  refundsOf(checkoutId: string): RefundRow[] {
    return [...this.refunds.values()].filter((row) => row.checkoutId === checkoutId)
  }

  facts(checkoutId: string): MoneyFacts {
    const order = this.orders.get(checkoutId) ?? null
    const row = this.payments.get(checkoutId)
    return {
      checkoutId,
      order: order && {
        ...{ state: order.state, outcome: order.outcome, buyerId: order.buyerId, number: null },
        overdue: order.expiresAtMs !== null && order.expiresAtMs <= this.now(),
      },
      payment: row ? { ...row, reclaiming: row.reclaimingSinceMs !== null } : null,
      attempts: this.attemptsOf(checkoutId).map((row) => ({
        ...{ attempt: row.attempt, state: row.state, paymentMethodId: row.paymentMethodId },
        ...{ processing: row.processing, cardKnown: row.card !== null },
      })),
    }
  }

  /** Once for each topic and key. */
  tell(row: OutboxRow): void {
    const named = `${row.topic} ${row.key}`
    if (this.told.has(named)) return
    this.told.set(named, { ...row, state: 'open', attempts: 0, dueAtMs: this.now() })
  }

  tellHistory(orderId: string, from: string, to: string): void {
    if (this.orders.get(orderId)?.placed) this.history.push({ orderId, from, to })
  }

  /** Writes commands; returns those that were not written before: one of a kind for checkout and SKU. */
  write(commands: readonly Omit<StockCommand, 'id'>[]): StockCommand[] {
    const fresh = commands.filter(({ sku, kind, checkoutId }) => {
      const once = `${checkoutId} ${sku} ${kind}`
      // The units of a line may come back in several returns.
      if (this.#commandsOnce.has(once) && kind !== 'return') return false
      this.#commandsOnce.add(once)
      return true
    })
    const written = fresh.map((command): StockCommand => ({ ...command, id: this.ids() }))
    for (const command of written) {
      const row = { ...command, done: false }
      this.commands.push(row)
      this.#onCommand(row)
    }
    return written
  }

  release(checkoutId: string): StockCommand[] {
    const held = this.linesOf(checkoutId).filter(({ stock }) => stock === 'held')
    return this.write(held.map(({ sku }) => commandOf('release', sku, checkoutId)))
  }

  /** What the owner of a SKU does with a command. Units that are gone are not taken again. */
  carryOut(command: MoneyCommand): void {
    command.done = true
    const line = this.linesOf(command.checkoutId ?? '').find(({ sku }) => sku === command.sku)
    const units = this.units.get(command.sku)
    if (!line || !units) return
    const give = (stock: MoneyLine['stock']) => {
      line.stock = stock
      units.free += line.units
    }
    switch (command.kind) {
      case 'sell':
        if (line.stock === 'held') line.stock = 'sold'
        break
      case 'release':
        if (line.stock === 'held') give('released')
        break
      case 'return':
        if (line.stock === 'held' || line.stock === 'sold') this.#return(line, units, command)
        break
      case 'reclaim':
        if (line.stock === 'held') line.stock = 'sold'
        else if (line.stock === 'released' && units.free >= line.units) {
          line.stock = 'sold'
          units.free -= line.units
        }
        break
      default:
        break
    }
  }

  #return(line: MoneyLine, units: Units, command: MoneyCommand): void {
    const { returnsWhole } = this.#mutants
    const back = returnsWhole ? line.quantity : Math.min(command.units ?? line.units, line.units)
    line.units = Math.max(0, line.units - back)
    units.free += back
    if (line.units === 0) line.stock = 'returned'
  }
}

const open: readonly string[] = ['waiting', 'pending', 'requires_action']
export const isOpen = ({ state }: Pick<AttemptRow, 'state'>): boolean => open.includes(state)

export const mayMove = (order: OrderRow, by: Parameters<typeof canMove>[0], to: OrderState) =>
  canMove(by, order.state, to)

export function commandOf(
  kind: CommandKind,
  sku: string,
  checkoutId: string,
  units: number | null = null,
): Omit<StockCommand, 'id'> {
  return { kind, sku, checkoutId, units }
}

/** Before anybody has been asked. */
export function newPayment(checkoutId: string, amount: number, currency: string): PaymentRow {
  return {
    ...{ checkoutId, intentId: null, amount, currency, status: 'open', captured: 0, refunded: 0 },
    ...{ reclaimingSinceMs: null, flagged: null, replaced: false },
  }
}

/** An attempt that begins now. */
export function newAttempt(
  tables: MoneyTables,
  {
    checkoutId,
    attempt,
    paymentMethodId,
    queue,
    details = null,
  }: Pick<AttemptRow, 'checkoutId' | 'attempt'> &
    Pick<BeginRequest, 'paymentMethodId' | 'queue' | 'details'>,
): AttemptRow {
  const now = tables.now()
  const row: AttemptRow = {
    ...{ checkoutId, attempt, paymentMethodId, keyRound: 0 },
    ...{ state: queue ? 'waiting' : 'pending', declineCode: null, clientSecret: null },
    ...{ createdAtMs: now, sentAtMs: queue ? null : now },
    ...{ details, card: null, processing: false },
    leasedUntilMs: now + leaseSeconds * 1_000,
  }
  tables.attempts.set(checkoutId, [...tables.attemptsOf(checkoutId), row])
  return row
}

/** Of a cancel that came before its reserve. */
export function tombstone(id: string, buyerId: string): OrderRow {
  return {
    ...{ id, buyerId, placed: false, state: 'cancelled', outcome: 'cancelled' },
    ...{ reason: 'by buyer', total: 0, currency: '', expiresAtMs: null },
  }
}
