import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { mayMove } from '../../orders/order-sql.ts'
import { sql } from '../../platform/postgres/pool.ts'
import { together } from '../../platform/postgres/together.ts'

const Begun = z.object({
  attempt: z.number(),
  intentId: z.string().nullable(),
  amount: z.number(),
  currency: z.string(),
})
/**
 * An attempt that was begun: its number, from 1; the intent, null before the first; the amount in
 * minor units.
 */
export type Begun = z.infer<typeof Begun>
const BegunOne = Begun.extend({ n: z.number() })

/** Which checkout a buyer pays, and with what; `paymentMethodId` is the provider's. */
export interface BeginRequest {
  readonly checkoutId: string
  readonly buyerId: string
  readonly paymentMethodId: string
}

/**
 * For confirm: `reserved` becomes `paying`, and the attempt is written before the provider hears of
 * it; both or neither. Amount and currency are the order's. Those that come together begin
 * together. Null: not this buyer's, not reserved, or too late. Rejects when PostgreSQL is away.
 */
export const beginAttempt: (pool: DatabasePool, request: BeginRequest) => Promise<Begun | null> =
  together({
    all: beginTogether,
    one: (pool, request) => begin(pool, 'begin-attempt', one(request)).then(([row]) => row ?? null),
  })

/** Those that are locked or cannot be paid are left out: each is looked at again, alone. */
async function beginTogether(
  pool: DatabasePool,
  requests: readonly BeginRequest[],
): Promise<(Begun | undefined)[]> {
  const begun = await begin(pool, 'begin-attempts', many(requests))
  const answers: (Begun | undefined)[] = requests.map(() => undefined)
  for (const { n, ...row } of begun) answers[n] = row
  return answers
}

/** The one request; its row is waited for. */
function one({ checkoutId, buyerId, paymentMethodId }: BeginRequest) {
  return sql.fragment`
    select id, 0 as n, ${paymentMethodId} as method
      from (select * from orders where id = ${checkoutId} for update offset 0) as o
     where buyer_id = ${buyerId} and ${mayMove('o', 'payment', 'paying')} and expires_at > now()`
}

/**
 * Each checkout once, however many ask for it; rows that somebody has locked are not waited for.
 */
function many(requests: readonly BeginRequest[]) {
  const rows = requests.map(({ checkoutId, buyerId, paymentMethodId }, n) => [
    n,
    checkoutId,
    buyerId,
    paymentMethodId,
  ])
  return sql.fragment`
    select o.id, asked.n, asked.method
      from (select distinct on (id, buyer) *
              from ${sql.unnest(rows, ['int4', 'uuid', 'uuid', 'text'])} as asked (n, id, buyer, method)
             order by id, buyer, n) as asked
     cross join lateral (
       select * from orders where id = asked.id for update skip locked offset 0) as o
     where o.buyer_id = asked.buyer and ${mayMove('o', 'payment', 'paying')} and o.expires_at > now()`
}

/**
 * Begins an attempt for each of the `mine`: ids of locked orders that can be paid, number and
 * method.
 */
function begin(
  pool: DatabasePool,
  name: string,
  mine: ReturnType<typeof sql.fragment>,
): Promise<readonly z.infer<typeof BegunOne>[]> {
  return pool.any(sql.prepared(name, BegunOne)`
    with mine as materialized (${mine}),
    paying as (
      update orders o set state = 'paying' from mine
       where o.id = mine.id and ${mayMove('o', 'payment', 'paying')}
      returning o.id, o.total, o.currency, mine.n, mine.method),
    payment as (
      insert into payments (checkout_id, amount, currency)
      select id, total, currency from paying
      on conflict (checkout_id) do update set updated_at = now()
      returning checkout_id, intent_id, amount, currency),
    attempt as (
      insert into payment_attempts (checkout_id, attempt, payment_method_id)
      select id, 1 + (select count(*) from payment_attempts a where a.checkout_id = paying.id), method
        from paying join payment on payment.checkout_id = paying.id
      returning checkout_id, attempt)
    select n, attempt, intent_id as "intentId", payment.amount, payment.currency
      from paying join payment on payment.checkout_id = paying.id
      join attempt on attempt.checkout_id = paying.id`)
}
