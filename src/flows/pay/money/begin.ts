/** How an attempt begins, in PostgreSQL. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { mayMove } from '../../../orders/order-sql.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import { together } from '../../../platform/postgres/together.ts'
import type { Attempt, BeginRequest } from './store.ts'

const Begun = z.object({
  n: z.number(),
  attempt: z.number(),
  intentId: z.string().nullable(),
  amount: z.number(),
  currency: z.string(),
  orderNumber: z.number().nullable(),
})

/** For PgMoneyStore: those that come together begin together. Rejects when PostgreSQL is away. */
export const beginAttempt: (pool: DatabasePool, request: BeginRequest) => Promise<Attempt | null> =
  together({
    all: beginTogether,
    async one(pool, request) {
      const [row] = await begin(pool, 'begin-attempt', one(request))
      return row ? attemptOf(request, row) : null
    },
  })

/** Those that are locked or cannot be paid are left out: each is looked at again, alone. */
async function beginTogether(
  pool: DatabasePool,
  requests: readonly BeginRequest[],
): Promise<(Attempt | undefined)[]> {
  const begun = await begin(pool, 'begin-attempts', many(requests))
  const answers: (Attempt | undefined)[] = requests.map(() => undefined)
  for (const row of begun) answers[row.n] = attemptOf(requests[row.n] as BeginRequest, row)
  return answers
}

function attemptOf(
  { checkoutId, buyerId, paymentMethodId, details = null }: BeginRequest,
  { n: _, ...begun }: z.infer<typeof Begun>,
): Attempt {
  return {
    ...{ checkoutId, buyerId, paymentMethodId, details, ...begun },
    ...{ again: false, keyRound: 0, sentSecondsAgo: 0 },
  }
}

const jsonOf = ({ details }: BeginRequest) => (details ? JSON.stringify(details) : null)

/** The one request; its row is waited for. */
function one(request: BeginRequest) {
  const { checkoutId, buyerId, paymentMethodId, queue } = request
  return sql.fragment`
    select id, 0 as n, ${paymentMethodId}::text as method, ${queue}::boolean as queued,
        ${jsonOf(request)}::jsonb as details
      from (select * from orders where id = ${checkoutId} for update offset 0) as o
     where buyer_id = ${buyerId} and ${mayMove('o', 'payment', 'paying')} and expires_at > now()`
}

/**
 * Each checkout once, however many ask for it; rows that somebody has locked are not waited for.
 */
function many(requests: readonly BeginRequest[]) {
  const rows = requests.map((request, n) => {
    const { checkoutId, buyerId, paymentMethodId, queue } = request
    return [n, checkoutId, buyerId, paymentMethodId, queue, jsonOf(request)]
  })
  return sql.fragment`
    select o.id, asked.n, asked.method, asked.queued, asked.details::jsonb as details
      from (select distinct on (id, buyer) *
              from ${sql.unnest(rows, ['int4', 'uuid', 'uuid', 'text', 'bool', 'text'])}
                as asked (n, id, buyer, method, queued, details)
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
): Promise<readonly z.infer<typeof Begun>[]> {
  return pool.any(sql.prepared(name, Begun)`
    with mine as materialized (${mine}),
    paying as (
      update orders o set state = 'paying' from mine
       where o.id = mine.id and ${mayMove('o', 'payment', 'paying')}
      returning o.id, o.number, o.total, o.currency, mine.n, mine.method, mine.queued, mine.details),
    payment as (
      insert into payments (checkout_id, amount, currency)
      select id, total, currency from paying
      on conflict (checkout_id) do update set updated_at = now()
      returning checkout_id, intent_id, amount, currency),
    attempt as (
      insert into payment_attempts (checkout_id, attempt, payment_method_id, details, state, sent_at)
      select id, 1 + (select count(*) from payment_attempts a where a.checkout_id = paying.id), method, details,
          case when queued then 'waiting' else 'pending' end, case when not queued then now() end
        from paying join payment on payment.checkout_id = paying.id
      returning checkout_id, attempt)
    select n, attempt, intent_id as "intentId", payment.amount, payment.currency, paying.number as "orderNumber"
      from paying join payment on payment.checkout_id = paying.id
      join attempt on attempt.checkout_id = paying.id`)
}
