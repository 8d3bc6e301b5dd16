/** What a SKU's page shows: what the gate would grant now, never more than a second old. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../kernel/clock.ts'
import { sql } from '../platform/postgres/pool.ts'
import type { ReservationStrategy } from './strategy.ts'

const Row = z.object({
  sku: z.string(),
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

export interface Availability {
  readonly sku: string
  readonly available: number
  readonly held: number
  /** Minor units. */
  readonly price: number
  readonly currency: string
  readonly sale: {
    readonly id: string
    readonly startsAt: string
    readonly endsAt: string
    readonly units: number
    readonly perCustomerLimit: number | null
  } | null
}

const freshMs = 500
const cachedMax = 10_000

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

  constructor(deps: { pool: DatabasePool; strategy: ReservationStrategy; clock: Clock }) {
    this.#deps = deps
  }

  /** Null when there is no such SKU. */
  read(sku: string): Promise<Availability | null> {
    const now = this.#deps.clock.monotonic()
    const cached = this.#cache.get(sku)
    if (cached && now - cached.at < freshMs) return cached.value
    if (this.#cache.size >= cachedMax) this.#cache.clear()
    const value = this.#load(sku)
    this.#cache.set(sku, { at: now, value })
    value.catch(() => this.#cache.delete(sku))
    return value
  }

  async #load(sku: string): Promise<Availability | null> {
    const [row, units] = await Promise.all([
      this.#deps.pool.maybeOne(sql.type(Row)`
        select v.sku, coalesce(s.price, v.price) as price, v.currency, l.free, l.held, s.id as sale_id,
          s.starts_at, s.ends_at, s.per_customer_limit, s.units as sale_units
        from variants v
        join ledger l on l.sku = v.sku
        left join sales s on s.sku = v.sku and s.state <> 'ended'
        where v.sku = ${sku} and v.archived_at is null`),
      this.#deps.strategy.available(sku).catch(() => null),
    ])
    if (!row) return null
    const { price, currency, held } = row
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
    return { sku, available: units ?? row.free, held, price, currency, sale }
  }
}
