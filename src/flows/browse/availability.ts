/** What a SKU's page shows: what the gate would grant now, never more than a second old. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../../kernel/clock.ts'
import { Coalescer } from '../../kernel/coalescer.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { ReservationStrategy } from '../reserve/strategy.ts'

const Row = z.object({
  sku: z.string(),
  title: z.string(),
  price: z.number(),
  currency: z.string(),
  free: z.number(),
  held: z.number(),
  sale_id: z.string().nullable(),
  starts_at: z.date().nullable(),
  ends_at: z.date().nullable(),
  per_customer_limit: z.number().nullable(),
  sale_units: z.number().nullable(),
})

/**
 * What buyers are shown of a SKU that is not archived: the body of GET /api/skus/:sku, and what
 * carts and pages of products take prices and units from.
 */
export interface Availability {
  readonly sku: string
  readonly title: string
  /** Units that the gate would grant now, or those free in the ledger when it cannot tell. */
  readonly available: number
  /** Units that checkouts hold and have not paid for. */
  readonly held: number
  /** Minor units. */
  readonly price: number
  readonly currency: string
  /**
   * The sale that is planned or under way. Its times are ISO 8601 instants, its limit is in units.
   */
  readonly sale: {
    readonly id: string
    readonly startsAt: string
    readonly endsAt: string
    readonly units: number
    readonly perCustomerLimit: number | null
  } | null
}

const freshMs = 500
const cachedMax = 50_000
/** SKUs of one query, at most. */
const batchMax = 1_000
/** SKUs that wait for the next queries, at most. */
const waitingMax = 50_000

/**
 * Reads availability for pages and carts, one query for all who ask at once. Rejects with AppError
 * overloaded when too many SKUs wait, and with PostgreSQL's error when it is away. For a gate that
 * is away the ledger answers.
 */
export class AvailabilityReader {
  readonly #deps: {
    readonly pool: DatabasePool
    readonly strategy: ReservationStrategy
    readonly clock: Clock
  }
  /** One read serves all who ask within half a second. */
  readonly #cache = new Map<
    string,
    { readonly at: number; readonly value: Promise<Availability | null> }
  >()
  /** Asked for while a query is under way: the next one takes them together, each once. */
  readonly #waiting = new Map<string, Promise<Availability | null>>()
  readonly #together = new Coalescer<string, Availability | null>({
    run: (skus) => this.#load(skus),
    batchMax,
    waitingMax,
  })

  constructor(deps: { pool: DatabasePool; strategy: ReservationStrategy; clock: Clock }) {
    this.#deps = deps
  }

  /** For the route of a SKU: an answer up to half a second old; null when there is no such SKU. */
  read(sku: string): Promise<Availability | null> {
    const now = this.#deps.clock.monotonic()
    const cached = this.#cache.get(sku)
    if (cached && now - cached.at < freshMs) return cached.value
    if (this.#cache.size >= cachedMax) this.#cache.clear()
    const value = this.#waiting.get(sku) ?? this.#together.ask(sku)
    this.#waiting.set(sku, value)
    this.#cache.set(sku, { at: now, value })
    value.catch(() => {
      this.#cache.delete(sku)
      this.#waiting.delete(sku)
    })
    return value
  }

  /**
   * In the order of `skus`, those that do not exist left out. One query, and one round trip to the
   * gates. With `fresh`, nothing that was read before: for those who keep the answer themselves.
   */
  async readMany(
    skus: readonly string[],
    { fresh = false }: { readonly fresh?: boolean } = {},
  ): Promise<Availability[]> {
    if (fresh) this.forget(skus)
    const found = await Promise.all(skus.map((sku) => this.read(sku)))
    return found.filter((each) => each !== null)
  }

  /** Reads these anew when they are asked for next: they were edited. */
  forget(skus: readonly string[]): void {
    for (const sku of skus) this.#cache.delete(sku)
  }

  async #load(skus: readonly string[]): Promise<readonly (Availability | null)[]> {
    for (const sku of skus) this.#waiting.delete(sku)
    const { pool, strategy } = this.#deps
    const [rows, units] = await Promise.all([
      pool.any(sql.type(Row)`
        select v.sku, p.title, coalesce(s.price, v.price) as price, v.currency, l.free, l.held, s.id as sale_id,
          s.starts_at, s.ends_at, s.per_customer_limit, s.units as sale_units
        from variants v
        join products p on p.id = v.product_id
        join ledger l on l.sku = v.sku
        left join sales s on s.sku = v.sku and s.state <> 'ended'
        where v.sku = any(${sql.array([...skus], 'text')}) and v.archived_at is null`),
      Promise.all(skus.map((sku) => strategy.available(sku).catch(() => null))),
    ])
    const bySku = new Map(rows.map((row) => [row.sku, row]))
    return skus.map((sku, i) => {
      const row = bySku.get(sku)
      return row ? availabilityOf(row, units[i] ?? null) : null
    })
  }
}

function availabilityOf(row: z.infer<typeof Row>, units: number | null): Availability {
  const { sku, title, price, currency, held } = row
  const sale =
    row.sale_id && row.starts_at && row.ends_at
      ? {
          id: row.sale_id,
          startsAt: row.starts_at.toISOString(),
          endsAt: row.ends_at.toISOString(),
          units: row.sale_units ?? 0,
          perCustomerLimit: row.per_customer_limit,
        }
      : null
  return { sku, title, available: units ?? row.free, held, price, currency, sale }
}
