/** Mails about disputes, warnings and reviews of payments: to administrators, and to the sellers of the order. */
import type { CommonQueryMethods, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { formatMoney } from '../kernel/currency.ts'
import { isUuid } from '../kernel/ids.ts'
import { appendOutboxRows, mailTopic, type OutboxEvent } from '../platform/outbox.ts'
import { sql } from '../platform/postgres/pool.ts'
import { formatMoment, storedLanguage } from './languages.ts'
import type { LetterContext, Letters } from './letters.ts'
import type { TemplateName } from './templates.ts'
import { textOf } from './text-of.ts'

/** Administrators who are told, at most: those who are longest with the shop. */
const adminsMax = 20
/** Sellers of one order who are told, at most; an order has 50 lines. */
const sellersMax = 50

const Recipient = z.object({ id: z.string() })

/** A consumer of the news about concerns: notes a mail to each who has to act. Rejects with PostgreSQL's errors. */
export async function noteConcernMails(
  tx: DatabaseTransactionConnection,
  events: readonly OutboxEvent[],
): Promise<void> {
  for (const { key, payload } of events) {
    const orderId = textOf(payload, 'orderId') ?? ''
    if (!isUuid(orderId)) continue
    const recipients = await tx.any(sql.type(Recipient)`
      (select id from accounts where role = 'admin' and erased_at is null
        order by created_at, id limit ${adminsMax})
      union
      (select distinct l.seller_id from order_lines l where l.order_id = ${orderId} and l.seller_id is not null
        order by l.seller_id limit ${sellersMax})`)
    await appendOutboxRows(
      tx,
      recipients.map(({ id }) => ({
        topic: mailTopic,
        key: `concern:${key}:${id}`,
        payload: { ...payload, message: 'concern', accountId: id },
      })),
    )
  }
}

const Facts = z.object({
  key: z.string(),
  news: z.string(),
  email: z.string(),
  name: z.string(),
  locale: z.string().nullable(),
  admin: z.boolean(),
  orderId: z.string(),
  orderNumber: z.number(),
  amount: z.number(),
  currency: z.string(),
  reason: z.string(),
  dueAt: z.date().nullable(),
  tookMoney: z.boolean(),
})
type Facts = z.infer<typeof Facts>

const templates: Readonly<Record<string, TemplateName>> = {
  inquiry: 'concern-inquiry',
  dispute: 'concern-dispute',
  warning: 'concern-warning',
  review: 'concern-review',
  due: 'concern-due',
}

/**
 * For the sender of mails: by event key; without those that are not true any more (the concern has ended, a
 * question has become a dispute, or evidence was handed in) and those whose account is gone. Rejects with
 * PostgreSQL's errors.
 */
export async function concernLetters(
  pool: CommonQueryMethods,
  events: readonly OutboxEvent[],
  { orderLink }: LetterContext,
): Promise<Letters> {
  const rows = events.flatMap(({ key, payload }) => {
    const [id, accountId, news] = ['concernId', 'accountId', 'news'].map((m) => textOf(payload, m))
    return id && accountId && news ? [[key, id, accountId, news]] : []
  })
  if (rows.length === 0) return new Map()
  const found = await pool.any(sql.type(Facts)`
    select e.key, e.news, a.email, a.name, a.locale, a.role = 'admin' as admin, o.id as "orderId",
        o.number as "orderNumber", coalesce(c.amount, p.captured) as amount,
        coalesce(c.currency, p.currency) as currency, c.reason, c.due_at as "dueAt", c.took_money as "tookMoney"
      from ${sql.unnest(rows, ['text', 'text', 'uuid', 'text'])} as e (key, id, account_id, news)
      join accounts a on a.id = e.account_id and a.erased_at is null
      join payment_concerns c on c.id = e.id and c.open
      join payments p on p.checkout_id = c.checkout_id
      join orders o on o.id = c.checkout_id and o.number is not null
     where case e.news when 'due' then c.status like '%needs_response' and c.due_at > now()
         when 'inquiry' then c.status like 'warning%' else true end`)
  return new Map(
    found.map((facts) => [
      facts.key,
      {
        to: facts.email,
        language: storedLanguage(facts.locale),
        template: templates[facts.news] ?? 'concern-dispute',
        values: valuesOf(facts, orderLink),
      },
    ]),
  )
}

function valuesOf(facts: Facts, orderLink: LetterContext['orderLink']) {
  const { name, admin, orderId, orderNumber, amount, currency, reason, dueAt, tookMoney } = facts
  const language = storedLanguage(facts.locale)
  return {
    name,
    number: `${orderNumber}`,
    link: orderLink(orderId),
    reason,
    // What others have sold in the same order is no business of a seller's.
    amount: admin ? formatMoney(amount, currency, language) : null,
    due: dueAt && formatMoment(dueAt, language),
    tookMoney: tookMoney ? '' : null,
  }
}
