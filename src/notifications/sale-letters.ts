/** Mails to sellers about what they sold: with each sale, or once a day. */
import type { CommonQueryMethods, DatabasePool, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { formatMoney } from '../kernel/currency.ts'
import { isUuid } from '../kernel/ids.ts'
import { appendOutboxRows, mailTopic, type OutboxEvent } from '../platform/outbox.ts'
import { sql } from '../platform/postgres/pool.ts'
import { formatDay, type Language, storedLanguage } from './languages.ts'
import type { LetterContext, Letters } from './letters.ts'
import { rowsOf } from './order-letters.ts'
import { textOf } from './text-of.ts'
import type { Letter } from './write-mail.ts'

/** Mails of one run; the next one goes on. */
const perRun = 1_000
/** SKUs that one mail lists, those with the most units first; the total counts all. */
const skusMax = 50
/** A day is told this long after its end: what was paid in its last moments is written by then. */
const afterMinutes = 10

const PairRow = z.object({ orderId: z.string(), sellerId: z.string() })

/** A consumer of paid orders: notes a mail to each seller who wants one with each sale. Rejects with PostgreSQL's errors. */
export async function noteSaleMails(
  tx: DatabaseTransactionConnection,
  events: readonly OutboxEvent[],
): Promise<void> {
  const ids = events.map(({ key }) => key).filter(isUuid)
  const pairs = await tx.any(sql.type(PairRow)`
    select distinct l.order_id as "orderId", l.seller_id as "sellerId"
      from unnest(${sql.array(ids, 'uuid')}) as mine (id)
     cross join lateral (select order_id, seller_id from order_lines where order_id = mine.id offset 0) as l
      join accounts a on a.id = l.seller_id and a.sale_mails = 'each' and a.erased_at is null`)
  await appendOutboxRows(
    tx,
    pairs.map(({ orderId, sellerId }) => ({
      topic: mailTopic,
      key: `sale:${orderId}:${sellerId}`,
      payload: { message: 'sale', orderId, accountId: sellerId },
    })),
  )
}

const SellerRow = z.object({ sellerId: z.string(), day: z.string() })

/**
 * For a job, every ten minutes: notes a mail for each seller who sold something yesterday (UTC) and wants to
 * hear of it once a day; answers how many were new. Safe to run twice, also at once. Rejects with PostgreSQL's
 * errors.
 */
export async function noteDailySales(pool: DatabasePool): Promise<number> {
  return pool.transaction(async (tx) => {
    const sellers = await tx.any(sql.type(SellerRow)`
      with yesterday as (
        select (now() - make_interval(mins => ${afterMinutes})) at time zone 'utc' - interval '1 day' as moment),
      day as (select date_trunc('day', moment) as first from yesterday),
      sold as (
        select distinct s.seller_id, to_char(d.first, 'YYYY-MM-DD') as day
          from day d join order_sellers s
            on s.at >= d.first at time zone 'utc' and s.at < (d.first + interval '1 day') at time zone 'utc')
      select s.seller_id as "sellerId", s.day from sold s
        join accounts a on a.id = s.seller_id and a.sale_mails = 'daily' and a.erased_at is null
       where not exists (
         select from outbox where topic = ${mailTopic} and key = 'daily-sales:' || s.day || ':' || s.seller_id)
       limit ${perRun}`)
    return appendOutboxRows(
      tx,
      sellers.map(({ sellerId, day }) => ({
        topic: mailTopic,
        key: `daily-sales:${day}:${sellerId}`,
        payload: { message: 'daily-sales', accountId: sellerId, day },
      })),
    )
  })
}

const Line = z.object({ title: z.string(), quantity: z.number(), unitPrice: z.number() })
const Facts = z.object({
  key: z.string(),
  email: z.string(),
  name: z.string(),
  locale: z.string().nullable(),
  orderId: z.string().nullable(),
  orderNumber: z.number().nullable(),
  day: z.string().nullable(),
  orders: z.number(),
  lines: z.array(Line.extend({ currency: z.string(), sum: z.number() })),
})
type Facts = z.infer<typeof Facts>

/** What is paid for and not cancelled by now. */
const owned = sql.fragment`o.state in ('paid', 'processing', 'shipped', 'delivered')`

/**
 * For the sender of mails: by event key; without sales that were cancelled meanwhile, and sellers who are
 * gone. Rejects with PostgreSQL's errors.
 */
export async function saleLetters(
  pool: CommonQueryMethods,
  events: readonly OutboxEvent[],
  { orderLink }: LetterContext,
): Promise<Letters> {
  const rows = events.flatMap(({ key, payload }) => {
    const accountId = textOf(payload, 'accountId')
    const orderId = payload.message === 'sale' ? (textOf(payload, 'orderId') ?? null) : null
    return accountId ? [[key, accountId, orderId, textOf(payload, 'day') ?? null]] : []
  })
  if (rows.length === 0) return new Map()
  const found = await pool.any(sql.type(Facts)`
    select e.key, a.email, a.name, a.locale, e.order_id as "orderId", e.day, sold.*
      from ${sql.unnest(rows, ['text', 'uuid', 'uuid', 'text'])} as e (key, account_id, order_id, day)
      join accounts a on a.id = e.account_id and a.erased_at is null
     cross join lateral (
       with mine as (
         select s.order_id from order_sellers s
          where e.day is not null and s.seller_id = a.id
            and s.at >= e.day::timestamp at time zone 'utc'
            and s.at < (e.day::timestamp + interval '1 day') at time zone 'utc'
         union all select e.order_id where e.order_id is not null),
       lines as (
         select o.id, o.number, o.currency, l.sku, coalesce(nullif(l.title, ''), l.sku) as title, l.quantity,
             l.unit_price
           from mine join orders o on o.id = mine.order_id and ${owned}
           join order_lines l on l.order_id = o.id and l.seller_id = a.id),
       skus as (
         select sku, max(title) as title, currency, unit_price, sum(quantity)::int8 as quantity,
             sum(quantity * unit_price)::int8 as sum
           from lines group by sku, currency, unit_price)
       select (select count(distinct id) from lines) as orders, (select max(number) from lines) as "orderNumber",
           coalesce((select jsonb_agg(jsonb_build_object('title', title, 'quantity', quantity, 'unitPrice',
             unit_price, 'currency', currency, 'sum', sum) order by quantity desc, sku) from skus), '[]') as lines) as sold
     where sold.orders > 0`)
  return new Map(found.map((facts) => [facts.key, letterOf(facts, orderLink)]))
}

function letterOf(facts: Facts, orderLink: LetterContext['orderLink']): Letter {
  const { email, name, locale, orderId, orderNumber, day, orders, lines } = facts
  const language = storedLanguage(locale)
  return {
    to: email,
    language,
    template: day === null ? 'sale' : 'daily-sales',
    rows: lines.slice(0, skusMax).flatMap((line) => rowsOf([line], line.currency, language)),
    values: {
      name,
      number: day === null ? `${orderNumber ?? ''}` : null,
      link: orderId && orderLink(orderId),
      day: day && formatDay(day, language),
      orders: `${orders}`,
      total: totalOf(lines, language),
    },
  }
}

/** One sum for each currency. */
function totalOf(lines: Facts['lines'], language: Language): string {
  const sums = Map.groupBy(lines, ({ currency }) => currency)
  return [...sums]
    .map(([currency, some]) =>
      formatMoney(
        some.reduce((total, { sum }) => total + sum, 0),
        currency,
        language,
      ),
    )
    .join(' + ')
}
