/** Money for a hold that is still there: order, payment and stock move in one statement. */
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { mayMove } from '../../../orders/order-sql.ts'
import { sql } from '../../../platform/postgres/pool.ts'
import { together } from '../../../platform/postgres/together.ts'
import type { StockCommand } from '../../../stock/protocol/messages.ts'
import type { PaidFacts } from './store.ts'

interface Paid {
  readonly checkoutId: string
  readonly facts: PaidFacts
}

/**
 * For PgMoneyStore: pays an order that is reserved or being paid, if intent and amount are its own;
 * its row decides every race, and those that come together are captured together. An intent that
 * nobody has noted yet becomes the checkout's own. Returns the commands that sell its units; null when
 * nothing was changed: it has ended, is paid, or does not fit; or a card was replaced by another, and
 * the rules have to say which of them paid.
 */
export async function capturePayment(
  pool: DatabasePool,
  checkoutId: string,
  facts: PaidFacts,
): Promise<StockCommand[] | null> {
  return facts.amountReceived === facts.amount ? captureShared(pool, { checkoutId, facts }) : null
}

const captureShared = together<Paid, StockCommand[] | null>({
  /** Those that are locked or do not fit are left out: each is looked at again, alone. */
  async all(pool, paid) {
    return commandsOf(paid, await capture(pool, 'capture-together', many(paid)))
  },
  async one(pool, paid) {
    return commandsOf([paid], await capture(pool, 'capture', one(paid)))[0] ?? null
  },
})

const CapturedRow = z.object({
  n: z.number(),
  /** Of a command; null when there is nothing to sell. */
  id: z.string().nullable(),
  sku: z.string().nullable(),
})
type CapturedRow = z.infer<typeof CapturedRow>

function commandsOf(
  paid: readonly Paid[],
  rows: readonly CapturedRow[],
): (StockCommand[] | undefined)[] {
  const answers: (StockCommand[] | undefined)[] = paid.map(() => undefined)
  for (const { n, id, sku } of rows) {
    const checkoutId = paid[n]?.checkoutId ?? null
    const commands = answers[n] ?? []
    answers[n] = commands
    if (id !== null && sku !== null) {
      commands.push({ id, sku, kind: 'sell', checkoutId, units: null })
    }
  }
  return answers
}

/** The one checkout; its row is waited for. */
function one({ checkoutId, facts: { id, amount, currency, card } }: Paid) {
  return sql.fragment`
    select id, 0 as n, ${id}::text as intent_id, ${amount}::int8 as amount, ${currency}::text as currency,
        ${card?.brand ?? null}::text as brand, ${card?.last4 ?? null}::text as last4
      from orders o where id = ${checkoutId} and ${mayMove('o', 'payment', 'paid')} for update`
}

/**
 * Each checkout once, however many ask for it; rows that somebody has locked are not waited for.
 */
function many(paid: readonly Paid[]) {
  const rows = paid.map(({ checkoutId, facts: { id, amount, currency, card } }, n) => [
    ...[n, checkoutId, id, amount, currency],
    ...[card?.brand ?? null, card?.last4 ?? null],
  ])
  return sql.fragment`
    select o.id, told.n, told.intent_id, told.amount, told.currency, told.brand, told.last4
      from (select distinct on (id) *
              from ${sql.unnest(rows, ['int4', 'uuid', 'text', 'int8', 'text', 'text', 'text'])}
                as told (n, id, intent_id, amount, currency, brand, last4)
             order by id, n) as told
     cross join lateral (
       select id from orders o where id = told.id and ${mayMove('o', 'payment', 'paid')}
          for update skip locked) as o`
}

/**
 * Captures the `mine`: ids of locked orders that can be confirmed, and what was told of them. The
 * attempt that succeeds is the history's entry; only without one the history gets a row. Prepared:
 * planning it costs more than running it. `offset 0` makes it fetch by keys: such a plan outlives
 * the time when the tables were small enough to be read whole.
 */
function capture(
  pool: DatabasePool,
  name: string,
  mine: ReturnType<typeof sql.fragment>,
): Promise<readonly CapturedRow[]> {
  return pool.any(sql.prepared(name, CapturedRow)`
    with mine as materialized (${mine}),
    fitting as materialized (
      select mine.id, mine.n, mine.intent_id, mine.brand, mine.last4 from mine
       cross join lateral (select * from payments where checkout_id = mine.id offset 0) as p
       cross join lateral (select * from orders where id = mine.id offset 0) as o
       where p.status = 'open' and not p.replaced and (p.intent_id is null or p.intent_id = mine.intent_id)
         and p.amount = mine.amount and p.currency = mine.currency
         and o.total = mine.amount and o.currency = mine.currency),
    confirmed as (
      update orders o set state = 'paid', outcome = 'confirmed', reason = null from fitting f
       where o.id = f.id and ${mayMove('o', 'payment', 'paid')}
      returning o.id, f.n, f.intent_id, f.brand, f.last4),
    payment as (
      update payments p set status = 'succeeded', captured = p.amount, intent_id = c.intent_id, updated_at = now()
        from confirmed c where p.checkout_id = c.id),
    attempts as (
      update payment_attempts a set state = 'succeeded', settled_at = now(), processing = false, details = null,
          card_brand = coalesce(c.brand, a.card_brand), card_last4 = coalesce(c.last4, a.card_last4)
        from confirmed c where a.checkout_id = c.id and a.state in ('waiting', 'pending', 'requires_action')
      returning a.checkout_id),
    history as (
      insert into order_history (order_id, from_status, to_status, reason)
      select id, 'awaiting_payment', 'paid', 'the payment succeeded' from confirmed
       where not exists (select from attempts a where a.checkout_id = confirmed.id)),
    event as (
      insert into outbox (topic, key, payload)
      select 'order.paid', id::text, jsonb_build_object('orderId', id) from confirmed
      on conflict do nothing),
    sold as (
      insert into stock_commands (id, partition, sku, kind, checkout_id, reason)
      select gen_random_uuid(), l.partition, n.sku, 'sell', c.id, 'paid'
        from confirmed c join order_lines n on n.order_id = c.id join ledger l on l.sku = n.sku
       where n.stock = 'held'
      on conflict do nothing
      returning id, sku, checkout_id)
    select c.n, s.id, s.sku from confirmed c left join sold s on s.checkout_id = c.id`)
}
