/** Who hears of disputes, warnings and reviews of payments: administrators, and the sellers of the order. */
import type { CommonQueryMethods, DatabaseTransactionConnection } from 'slonik'
import { z } from 'zod'
import { formatMoney } from '../kernel/currency.ts'
import { appendOutboxRows, mailTopic, type OutboxEvent } from '../platform/outbox.ts'
import type { Topics } from '../platform/outbox-handlers.ts'
import { sql } from '../platform/postgres/pool.ts'
import { textOf } from './mail-topics.ts'
import { composeNote, type Message } from './messages/compose.ts'

/** Administrators who are told, at most: those who are longest with the shop. */
const adminsMax = 20
/** Sellers of one order who are told, at most; an order has 50 lines. */
const sellersMax = 50

const Recipient = z.object({ id: z.string() })

/** To be joined with the other consumers: a mail to each who has to act. */
export const concernTopics: Topics = {
  'payment.concern': {
    inTransaction: [
      async (tx, events) => {
        for (const event of events) await noteMails(tx, event)
      },
    ],
  },
}

async function noteMails(tx: DatabaseTransactionConnection, event: OutboxEvent): Promise<void> {
  const orderId = textOf(event.payload, 'orderId') ?? ''
  const recipients = await tx.any(sql.type(Recipient)`
    (select id from accounts where role = 'admin' and erased_at is null order by created_at, id limit ${adminsMax})
    union
    (select distinct l.seller_id from order_lines l where l.order_id = ${orderId} and l.seller_id is not null
      order by l.seller_id limit ${sellersMax})`)
  await appendOutboxRows(
    tx,
    recipients.map(({ id }) => ({
      topic: mailTopic,
      key: `concern:${event.key}:${id}`,
      payload: { ...event.payload, message: 'concern', accountId: id },
    })),
  )
}

const Facts = z.object({
  key: z.string(),
  email: z.string(),
  name: z.string(),
  admin: z.boolean(),
  id: z.string(),
  orderNumber: z.number(),
  amount: z.number(),
  currency: z.string(),
  reason: z.string(),
  dueAt: z.date().nullable(),
  tookMoney: z.boolean(),
})
/** Whom a mail about a concern goes to, and what is true of the concern now. */
export type ConcernMailFacts = z.infer<typeof Facts>

/**
 * For the sender of mails: by event key; without those that are not true any more (the concern has ended, or
 * its evidence was handed in) and those whose account is gone. Rejects with PostgreSQL's errors.
 */
export async function readConcernFacts(
  pool: CommonQueryMethods,
  events: readonly OutboxEvent[],
): Promise<ReadonlyMap<string, ConcernMailFacts>> {
  const rows = events.flatMap(({ key, payload }) => {
    const [id, accountId] = [textOf(payload, 'concernId'), textOf(payload, 'accountId')]
    return id === undefined || accountId === undefined
      ? []
      : [[key, id, accountId, payload.news === 'due']]
  })
  if (rows.length === 0) return new Map()
  const found = await pool.any(sql.type(Facts)`
    select e.key, a.email, a.name, a.role = 'admin' as admin, c.id, o.number as "orderNumber",
        coalesce(c.amount, p.captured) as amount, coalesce(c.currency, p.currency) as currency, c.reason,
        c.due_at as "dueAt", c.took_money as "tookMoney"
      from ${sql.unnest(rows, ['text', 'text', 'uuid', 'bool'])} as e (key, id, account_id, due)
      join accounts a on a.id = e.account_id and a.erased_at is null
      join payment_concerns c on c.id = e.id and c.open
      join payments p on p.checkout_id = c.checkout_id
      join orders o on o.id = c.checkout_id and o.number is not null
     where not e.due or (c.status like '%needs_response' and c.due_at > now())`)
  return new Map(found.map((facts) => [facts.key, facts]))
}

const titles: Readonly<Record<string, string>> = {
  inquiry: 'The bank asks about the payment of order',
  dispute: 'The payment is disputed of order',
  warning: 'The bank warns of fraud in order',
  review: 'The payment is to be reviewed of order',
  due: 'Evidence is due soon for order',
}

/** For the sender of mails. Never throws. */
export function concernMessage(news: string, facts: ConcernMailFacts): Message {
  const { orderNumber, amount, currency, reason, dueAt, tookMoney, id } = facts
  const due = dueAt && `${dueAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`
  return composeNote(facts.name, {
    subject: `${titles[news] ?? titles.dispute} ${orderNumber}`,
    paragraphs: [
      `Reason: ${reason}.`,
      // What others have sold in the same order is no business of a seller's.
      ...(facts.admin ? [`Amount: ${formatMoney(amount, currency)}.`] : []),
      ...(tookMoney ? ['The bank has taken the money until it decides.'] : []),
      ...(due ? [`Evidence is taken until ${due}. Hand it in at the payment provider.`] : []),
      'Nothing of this order can be shipped meanwhile.',
    ],
    about: `${id}, order ${orderNumber}`,
  })
}
