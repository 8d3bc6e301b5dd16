import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { checkoutWord, orderStates, outcomes } from '../../orders/order-words.ts'
import { sql } from '../../platform/postgres/pool.ts'
import type { CheckoutStatus, Line } from './strategy.ts'

/**
 * A checkout as its buyer sees it, in answers of the API and for confirm. Without prices until it
 * has made an order.
 */
export interface CheckoutView {
  readonly id: string
  readonly status: CheckoutStatus
  /** Place in line, and seconds until its turn. There is no line yet: always null. */
  readonly position: number | null
  readonly etaSeconds: number | null
  /** The same as `id` once it has made an order. */
  readonly orderId: string | null
  /** Minor units; null before the commit. */
  readonly total: number | null
  readonly currency: string | null
  /** When its hold ends, as an ISO 8601 instant; null unless it can be paid. */
  readonly expiresAt: string | null
  /** Unit prices are minor units. */
  readonly items: (Line & { readonly unitPrice?: number | undefined })[]
  /** Units the gate had left; only in the answer to the admission. */
  readonly remaining?: number
}

/**
 * A checkout as PostgreSQL has it, with what decides whether a repeated request gets it for an
 * answer.
 */
export interface StoredCheckout {
  readonly view: CheckoutView
  readonly fingerprint: string
  /** The checkout that had won the same key already; null for all others. */
  readonly duplicateOf: string | null
}

/** Without a price: what a checkout over several SKUs asked for, before its order came about. */
const Item = z.object({
  sku: z.string(),
  quantity: z.number(),
  unitPrice: z.number().optional(),
})
const Row = z.object({
  id: z.string(),
  state: z.enum(orderStates),
  outcome: z.enum(outcomes).nullable(),
  placed: z.boolean(),
  fingerprint: z.string(),
  total: z.number(),
  currency: z.string().nullable(),
  expires_at: z.date().nullable(),
  duplicate_of: z.string().nullable(),
  items: z.array(Item),
})

/**
 * For {@link Checkouts}: the buyer's checkout as PostgreSQL has it; null when there is none, or it
 * is somebody else's. Two index look-ups, one round trip. Lines have a price, in minor units, once
 * they make an order. Rejects with PostgreSQL's errors.
 */
export async function findCheckout(
  db: CommonQueryMethods,
  id: string,
  buyerId: string,
): Promise<StoredCheckout | null> {
  const row = await db.maybeOne(sql.type(Row)`
    select o.id, o.state, o.outcome, o.number is not null as placed, o.fingerprint, o.total, o.currency, o.expires_at,
      o.duplicate_of,
      coalesce((select jsonb_agg(jsonb_strip_nulls(jsonb_build_object('sku', l.sku, 'quantity', l.quantity,
          'unitPrice', case when o.number is not null then l.unit_price end)) order by l.sku)
        from order_lines l where l.order_id = o.id and l.quantity > 0), '[]') as items
    from orders o
    where o.id = ${id} and o.buyer_id = ${buyerId}`)
  if (!row) return null
  const { placed } = row
  const status = checkoutWord(row.state, row.outcome)
  const payable = status === 'reserved' || status === 'paying'
  return {
    fingerprint: row.fingerprint,
    duplicateOf: row.duplicate_of,
    view: {
      id: row.id,
      status,
      position: null,
      etaSeconds: null,
      orderId: placed ? row.id : null,
      total: placed ? row.total : null,
      currency: row.currency,
      expiresAt: payable && row.expires_at ? row.expires_at.toISOString() : null,
      items: row.items,
    },
  }
}

const Keyed = z.object({ id: z.string(), fingerprint: z.string() })

/**
 * For {@link Checkouts} and {@link Assembly}, when a request is repeated: the buyer's checkout that
 * has the Idempotency-Key, or null. Rejects with PostgreSQL's errors.
 */
export async function findByKey(
  db: CommonQueryMethods,
  buyerId: string,
  key: string,
): Promise<z.infer<typeof Keyed> | null> {
  return db.maybeOne(sql.type(Keyed)`
    select id, fingerprint from orders where buyer_id = ${buyerId} and idempotency_key = ${key}`)
}

/**
 * For {@link Checkouts}, to tell `queued` from `lost`: the generation of a partition's Redis state,
 * as PostgreSQL has it; 0 when it has none. Rejects with PostgreSQL's errors.
 */
export async function generationOf(db: CommonQueryMethods, partition: number): Promise<number> {
  const row = await db.maybeOne(sql.type(z.object({ generation: z.number() }))`
    select generation from partitions where partition = ${partition}`)
  return row?.generation ?? 0
}
