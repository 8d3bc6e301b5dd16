/** Attempts and their leases, in PostgreSQL. */
import type { CommonQueryMethods, DatabasePool } from 'slonik'
import { z } from 'zod'
import { checkoutWordOf } from '../../../orders/order-sql.ts'
import type { BuyerDetails } from '../../../payments/gateway.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import {
  type Attempt,
  type AttemptId,
  leaseSeconds,
  type OpenAttempt,
  type PaymentView,
} from './store.ts'

/** As it was written. */
const Details = z.custom<BuyerDetails>((value) => typeof value === 'object')

const AttemptRow = z.object({
  checkoutId: z.string(),
  attempt: z.number(),
  paymentMethodId: z.string(),
  intentId: z.string().nullable(),
  amount: z.number(),
  currency: z.string(),
  buyerId: z.string(),
  orderNumber: z.number().nullable(),
  details: Details.nullable(),
  again: z.boolean(),
  keyRound: z.number(),
  sentSecondsAgo: z.number(),
})
const OpenRow = AttemptRow.extend({
  state: z.enum(['waiting', 'pending', 'requires_action']),
  ended: z.boolean(),
  processing: z.boolean(),
})

/** Columns of an attempt `a` with its payment `p` and its order `o`. `again` is of before the statement that takes it. */
const columns = (sentBefore: ReturnType<typeof sql.fragment>) => sql.fragment`
  a.checkout_id as "checkoutId", a.attempt, a.payment_method_id as "paymentMethodId", p.intent_id as "intentId",
  p.amount, p.currency, o.buyer_id as "buyerId", o.number as "orderNumber", a.details, ${sentBefore} as again, a.key_round as "keyRound",
  coalesce(extract(epoch from now() - a.sent_at)::int, 0) as "sentSecondsAgo"`

const openColumns = sql.fragment`${columns(sql.fragment`a.sent_at is not null`)}, a.state,
  o.outcome is not null as ended, a.processing`

/** The attempt without a verdict, or null; there is one at most. */
export function openAttempt(
  db: CommonQueryMethods,
  checkoutId: string,
): Promise<OpenAttempt | null> {
  return db.maybeOne(sql.type(OpenRow)`
    select ${openColumns} from payment_attempts a
      join payments p on p.checkout_id = a.checkout_id
      join orders o on o.id = a.checkout_id
     where a.checkout_id = ${checkoutId} and a.state in ('waiting', 'pending', 'requires_action')`)
}

/** How many wait, up to `max`: nobody takes more calls from the budget than there are. */
export async function countWaiting(pool: DatabasePool, max: number): Promise<number> {
  const { count } = await pool.one(sql.typeAlias('count')`
    select count(*) as count from (
      select from payment_attempts where state = 'waiting' limit ${max}) as waiting`)
  return count
}

/** Takes the first of the queue: two callers never take one row. */
export async function takeWaiting(pool: DatabasePool, max: number): Promise<Attempt[]> {
  const rows = await pool.any(sql.type(AttemptRow)`
    with first as materialized (
      select checkout_id, attempt, sent_at is not null as sent from payment_attempts
       where state = 'waiting' order by created_at, checkout_id limit ${max} for update skip locked)
    update payment_attempts a
       set state = 'pending', sent_at = coalesce(sent_at, now()),
           leased_until = now() + make_interval(secs => ${leaseSeconds})
      from first join payments p on p.checkout_id = first.checkout_id join orders o on o.id = first.checkout_id
     where a.checkout_id = first.checkout_id and a.attempt = first.attempt
    returning ${columns(sql.fragment`first.sent`)}`)
  return [...rows]
}

/** Those that were never sent, or may have been: the queue does not tell them apart. */
export async function putBack(pool: DatabasePool, attempts: readonly AttemptId[]): Promise<void> {
  if (attempts.length === 0) return
  await pool.query(sql.typeAlias('none')`
    update payment_attempts a set state = 'waiting' from ${these(attempts)}
     where a.checkout_id = these.checkout_id and a.attempt = these.attempt and a.state = 'pending'`)
}

/** Takes attempts that nobody drives. Two callers never take one row. */
export async function takeOverdue(pool: DatabasePool, max: number): Promise<OpenAttempt[]> {
  const rows = await pool.any(sql.type(OpenRow)`
    with mine as materialized (
      select checkout_id, attempt from payment_attempts
       where state in ('pending', 'requires_action') and leased_until <= now()
       order by leased_until limit ${max} for update skip locked)
    update payment_attempts a set leased_until = now() + make_interval(secs => ${leaseSeconds})
      from mine join payments p on p.checkout_id = mine.checkout_id join orders o on o.id = mine.checkout_id
     where a.checkout_id = mine.checkout_id and a.attempt = mine.attempt
    returning ${openColumns}`)
  return [...rows]
}

/** Goes on driving them for `seconds` from now; those with a verdict stay as they are. */
export async function leaseAttempts(
  pool: DatabasePool,
  attempts: readonly AttemptId[],
  seconds: number,
): Promise<void> {
  if (attempts.length === 0) return
  await pool.query(sql.typeAlias('none')`
    update payment_attempts a set leased_until = now() + make_interval(secs => ${seconds}) from ${these(attempts)}
     where a.checkout_id = these.checkout_id and a.attempt = these.attempt
       and a.state in ('pending', 'requires_action')`)
}

/** Leaves the key of `keyRound` behind, once. */
export async function leaveKey(
  pool: DatabasePool,
  { checkoutId, attempt }: AttemptId,
  keyRound: number,
): Promise<boolean> {
  const left = await pool.query(sql.typeAlias('none')`
    update payment_attempts set key_round = key_round + 1
     where checkout_id = ${checkoutId} and attempt = ${attempt} and key_round = ${keyRound} and state = 'pending'`)
  return left.rowCount === 1
}

function these(attempts: readonly AttemptId[]) {
  const rows = attempts.map(({ checkoutId, attempt }) => [checkoutId, attempt])
  return sql.fragment`${sql.unnest(rows, ['uuid', 'int4'])} as these (checkout_id, attempt)`
}

const ViewRow = z.object({
  status: z.string(),
  state: z.string().nullable(),
  declineCode: z.string().nullable(),
  clientSecret: z.string().nullable(),
  paymentMethodId: z.string().nullable(),
  card: z.object({ brand: z.string(), last4: z.string() }).nullable(),
  processing: z.boolean(),
  declines: z.number(),
  position: z.number().nullable(),
  leaseOver: z.boolean(),
})

/** A checkout beside its latest attempt, for its buyer; null when it is not theirs. */
export function viewPayment(
  pool: DatabasePool,
  checkoutId: string,
  buyerId: string,
): Promise<PaymentView | null> {
  return pool.maybeOne(sql.type(ViewRow)`
    select ${checkoutWordOf('o')} as status, a.state, a.decline_code as "declineCode",
        a.client_secret as "clientSecret", a.payment_method_id as "paymentMethodId",
        coalesce(a.state = 'pending' and a.processing, false) as processing,
        case when a.card_last4 is not null then
          jsonb_build_object('brand', a.card_brand, 'last4', a.card_last4) end as card,
        (select count(*)::int from payment_attempts d where d.checkout_id = o.id and d.state in ('declined', 'replaced')) as declines,
        case when a.state = 'waiting' then (
          select count(*)::int from payment_attempts w where w.state = 'waiting'
             and (w.created_at, w.checkout_id) < (a.created_at, a.checkout_id)) end as position,
        coalesce(a.leased_until <= now(), false) as "leaseOver"
      from orders o left join lateral (
        select * from payment_attempts where checkout_id = o.id
         order by (state = 'succeeded') desc, attempt desc limit 1) a on true
     where o.id = ${checkoutId} and o.buyer_id = ${buyerId}`)
}
