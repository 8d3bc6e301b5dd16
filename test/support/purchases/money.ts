/** The money of purchases in PostgreSQL, as contracts look at it and move its times. */
import type { CommonQueryMethods } from 'slonik'
import { z } from 'zod'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { type NewCheckout, writeReserved } from './write.ts'

const none = sql.typeAlias('none')

/** No purchase is left, and no unit of stock. */
export const emptyMoney = (q: CommonQueryMethods) =>
  q.query(none`
    truncate orders, order_lines, order_history, payments, payment_attempts, refunds, refund_lines, outbox, stock_commands, ledger`)

/** A reserved checkout of one unit of a SKU, which has a hundred; 500 EUR cents. */
export async function writeHold(
  q: CommonQueryMethods,
  checkout: NewCheckout,
  expiresInSeconds: number,
): Promise<void> {
  await writeReserved(q, [checkout], { sku: 'MUG', price: 500, expiresInSeconds })
  await q.query(none`
    insert into ledger (sku, partition, on_hand, free, held) values ('MUG', ${partitionOf('MUG')}, 100, 90, 10)
    on conflict do nothing`)
}

/** Lets so many seconds have passed, for every purchase. */
export async function passSeconds(q: CommonQueryMethods, seconds: number): Promise<void> {
  const past = sql.fragment`make_interval(secs => ${seconds})`
  await q.query(none`update orders set expires_at = expires_at - ${past}`)
  await q.query(none`update payments set reclaiming_since = reclaiming_since - ${past}`)
  await q.query(none`
    update payment_attempts set created_at = created_at - ${past}, sent_at = sent_at - ${past},
      leased_until = leased_until - ${past}`)
  await q.query(none`
    update refunds set created_at = created_at - ${past}, tried_at = tried_at - ${past},
      taken_at = taken_at - ${past}, again_at = again_at - ${past}`)
}

/** What the owner of the units answers to whatever it was told of a checkout. */
export async function answerUnits(
  q: CommonQueryMethods,
  checkoutId: string,
  stock: string,
): Promise<void> {
  await q.query(none`update order_lines set stock = ${stock} where order_id = ${checkoutId}`)
  await q.query(none`
    update stock_commands set done_at = now() where checkout_id = ${checkoutId} and done_at is null`)
}

const Seen = z.object({
  state: z.string(),
  outcome: z.string().nullable(),
  reason: z.string().nullable(),
  payment: z
    .object({
      intentId: z.string().nullable(),
      status: z.string(),
      captured: z.number(),
      refunded: z.number(),
      flagged: z.string().nullable(),
    })
    .nullable(),
  attempts: z.array(
    z.object({ attempt: z.number(), state: z.string(), declineCode: z.string().nullable() }),
  ),
  refunds: z.array(
    z.object({
      id: z.string(),
      amount: z.number(),
      reason: z.string(),
      state: z.string(),
      providerId: z.string().nullable(),
      error: z.string().nullable(),
    }),
  ),
  stock: z.array(z.string()),
  told: z.array(z.string()),
  commands: z.array(z.string()),
})
/** All that a contract sees of one purchase. */
export type MoneySeen = z.infer<typeof Seen>

/** Fails for a checkout that PostgreSQL does not have. */
export const moneySeen = (q: CommonQueryMethods, id: string): Promise<MoneySeen> =>
  q.one(sql.type(Seen)`
    select o.state, o.outcome, o.reason,
      (select jsonb_build_object('intentId', intent_id, 'status', status, 'captured', captured,
          'refunded', refunded, 'flagged', flagged) from payments where checkout_id = o.id) as payment,
      (select coalesce(jsonb_agg(jsonb_build_object('attempt', attempt, 'state', state, 'declineCode', decline_code)
          order by attempt), '[]') from payment_attempts where checkout_id = o.id) as attempts,
      (select coalesce(jsonb_agg(jsonb_build_object('id', id, 'amount', amount, 'reason', reason, 'state', state,
          'providerId', refund_id, 'error', last_error) order by created_at), '[]')
        from refunds where checkout_id = o.id) as refunds,
      (select coalesce(jsonb_agg(stock order by sku), '[]') from order_lines where order_id = o.id) as stock,
      (select coalesce(jsonb_agg(topic order by topic), '[]') from outbox
        where key = o.id::text or key in (select id::text from refunds where checkout_id = o.id)) as told,
      (select coalesce(jsonb_agg(kind order by kind), '[]') from stock_commands where checkout_id = o.id) as commands
      from orders o where o.id = ${id}`)
