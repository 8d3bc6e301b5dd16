/** Disputes, early fraud warnings and reviews, as PostgreSQL has them. `flows/pay` decides what they mean. */
import type { CommonQueryMethods, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { sql } from '../platform/postgres/pool.ts'
import { type ConcernFacts, concernKinds } from './concern-facts.ts'

/** A concern with what the shop makes of it, as it is written. */
export interface ConcernRow extends ConcernFacts {
  readonly checkoutId: string
  readonly open: boolean
  readonly tookMoney: boolean
  readonly stopsShipping: boolean
  readonly stage: number
}

const KnownRow = z.object({
  stage: z.number(),
  movements: z.number(),
  toldAt: z.date(),
  cleared: z.boolean(),
})
/** What is known of a concern: how old, and whether an administrator has cleared it. */
export type KnownConcern = z.infer<typeof KnownRow>

/**
 * For the flow that hears of concerns, which has locked the order's row: what is known of one; null when
 * nothing is. Rejects with PostgreSQL's errors.
 */
export function knownConcern(
  tx: DatabaseTransactionConnection,
  id: string,
): Promise<KnownConcern | null> {
  return tx.maybeOne(sql.type(KnownRow)`
    select stage, movements, told_at as "toldAt", cleared_at is not null as cleared
      from payment_concerns where id = ${id} for update`)
}

/**
 * For the same: writes a concern, over what was known of it. A new deadline is reminded of anew. Rejects
 * with PostgreSQL's errors.
 */
export async function putConcern(
  tx: DatabaseTransactionConnection,
  row: ConcernRow,
): Promise<void> {
  const due = row.dueAt && sql.timestamp(row.dueAt)
  await tx.query(sql.typeAlias('none')`
    insert into payment_concerns as c (id, kind, checkout_id, amount, currency, reason, status, open, took_money,
        stops_shipping, stage, movements, told_at, opened_at, due_at)
    values (${row.id}, ${row.kind}, ${row.checkoutId}, ${row.money?.amount ?? null}, ${row.money?.currency ?? null},
        ${row.reason}, ${row.status}, ${row.open}, ${row.tookMoney}, ${row.stopsShipping}, ${row.stage},
        ${row.movements}, ${sql.timestamp(row.toldAt)}, ${sql.timestamp(row.openedAt)}, ${due})
    on conflict (id) do update
      set amount = excluded.amount, currency = excluded.currency, reason = excluded.reason, status = excluded.status,
          open = excluded.open, took_money = excluded.took_money, stops_shipping = excluded.stops_shipping,
          stage = excluded.stage, movements = excluded.movements, told_at = excluded.told_at,
          opened_at = excluded.opened_at, due_at = excluded.due_at,
          reminded_at = case when c.due_at = excluded.due_at then c.reminded_at end`)
}

/**
 * A condition, for SQL over refunds and payments: the bank has the money of this checkout, so the provider
 * refuses to refund it. Makes SQL only, and never throws.
 */
export const bankHasMoney = (checkoutId: ReturnType<typeof sql.fragment>) => sql.fragment`
  exists (select from payment_concerns c where c.checkout_id = ${checkoutId} and c.took_money)`

const StopRow = z.object({ kind: z.enum(concernKinds), open: z.boolean() })
/** Why nothing of an order is to be sent. */
export type ShippingStop = z.infer<typeof StopRow>

/**
 * For sellers' moves, with the order's row locked: what stops the order's goods, the most serious first;
 * null when nothing does. Rejects with PostgreSQL's errors.
 */
export function shippingStop(
  tx: DatabaseTransactionConnection,
  orderId: string,
): Promise<ShippingStop | null> {
  return tx.maybeOne(sql.type(StopRow)`
    select kind, open from payment_concerns where checkout_id = ${orderId} and stops_shipping
     order by kind = 'dispute' desc, open, id limit 1`)
}

const ListedRow = z.object({
  id: z.string(),
  kind: z.enum(concernKinds),
  orderId: z.string(),
  orderNumber: z.number().nullable(),
  amount: z.number().nullable(),
  currency: z.string().nullable(),
  reason: z.string(),
  status: z.string(),
  open: z.boolean(),
  tookMoney: z.boolean(),
  stopsShipping: z.boolean(),
  refundHeld: z.number(),
  dueAt: z.date().nullable(),
  openedAt: z.date(),
})
/**
 * A concern as operators see it; money in minor units. `refundHeld`: what the shop owes its buyer and does
 * not ask the provider for, because the bank has the money.
 */
export type ListedConcern = z.infer<typeof ListedRow>

/** Where a page of concerns begins: the sort values of the last one seen. */
export type ConcernMark = Pick<ListedConcern, 'open' | 'openedAt' | 'id'>

/**
 * For the operators' route: open ones first, then the newest first. Rejects with PostgreSQL's errors.
 */
export function listConcerns(
  db: CommonQueryMethods,
  page: { readonly limit: number; readonly before: ConcernMark | null },
): Promise<readonly ListedConcern[]> {
  const { before } = page
  const below = before
    ? sql.fragment`(open, opened_at, id) < (${before.open}, ${sql.timestamp(before.openedAt)}, ${before.id})`
    : sql.fragment`true`
  return db.any(sql.type(ListedRow)`
    with mine as (
      select * from payment_concerns where ${below}
       order by open desc, opened_at desc, id desc limit ${page.limit})
    select c.id, c.kind, c.checkout_id as "orderId", o.number as "orderNumber",
        coalesce(c.amount, p.captured) as amount, coalesce(c.currency, p.currency) as currency, c.reason,
        case when c.cleared_at is null then c.status else 'cleared' end as status,
        c.open, c.took_money as "tookMoney", c.stops_shipping as "stopsShipping",
        case when c.took_money then coalesce((
          select sum(r.amount) from refunds r where r.checkout_id = c.checkout_id and r.state = 'pending'), 0)::int8
          else 0 end as "refundHeld",
        c.due_at as "dueAt", c.opened_at as "openedAt"
      from mine c
      left join payments p on p.checkout_id = c.checkout_id
      left join orders o on o.id = c.checkout_id
     order by c.open desc, c.opened_at desc, c.id desc`)
}

/**
 * For the operators' route: an administrator lets a warning pass, so that the order may be shipped. Only a
 * warning that is open is cleared: a dispute or review ends at the provider. Rejects with PostgreSQL's errors.
 */
export async function clearWarning(
  tx: DatabaseTransactionConnection,
  id: string,
): Promise<'cleared' | 'unknown' | 'not open' | 'no warning'> {
  const Row = z.object({ kind: z.enum(concernKinds), open: z.boolean() })
  const row = await tx.maybeOne(sql.type(Row)`
    select kind, open from payment_concerns where id = ${id} for update`)
  if (!row) return 'unknown'
  if (row.kind !== 'warning') return 'no warning'
  if (!row.open) return 'not open'
  await tx.query(sql.typeAlias('none')`
    update payment_concerns set open = false, stops_shipping = false, cleared_at = now() where id = ${id}`)
  return 'cleared'
}

const DueRow = z.object({ id: z.string(), orderId: z.string(), stage: z.number() })

/**
 * For the job that reminds: takes disputes that wait for evidence and whose deadline is `hours` away or
 * less, `limit` at most, each once. Rejects with PostgreSQL's errors.
 */
export function takeDueDisputes(
  tx: DatabaseTransactionConnection,
  { hours, limit }: { readonly hours: number; readonly limit: number },
): Promise<readonly z.infer<typeof DueRow>[]> {
  return tx.any(sql.type(DueRow)`
    update payment_concerns c set reminded_at = now()
      from (select id from payment_concerns
             where kind = 'dispute' and open and reminded_at is null and status like '%needs_response'
               and due_at between now() and now() + make_interval(hours => ${hours})
             order by due_at limit ${limit} for update skip locked) as due
     where c.id = due.id returning c.id, c.checkout_id as "orderId", c.stage`)
}
