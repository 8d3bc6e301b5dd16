/** Sends the mails that were noted: one for each fact, however often the job runs. */
import type { CommonQueryMethods, DatabasePool } from 'slonik'
import { z } from 'zod'
import { isUuid } from '../kernel/ids.ts'
import type { OutboxEvent, OutboxPayload } from '../platform/outbox.ts'
import type { OutsideEffect } from '../platform/outbox-handlers.ts'
import { sql, unflushed } from '../platform/postgres/pool.ts'
import { PermanentFailure } from '../platform/retries.ts'
import { type ConcernMailFacts, concernMessage, readConcernFacts } from './concern-mails.ts'
import { textOf } from './mail-topics.ts'
import { type Mail, type Mailer, MailRefused } from './mailer.ts'
import { cancelled } from './messages/cancelled.ts'
import type { Message } from './messages/compose.ts'
import { expired } from './messages/expired.ts'
import { orderConfirmed } from './messages/order-confirmed.ts'
import { type OrderFacts, readOrderFacts } from './messages/order-facts.ts'
import { paymentFailed } from './messages/payment-failed.ts'
import { refunded } from './messages/refunded.ts'
import { readStockFacts, type StockFacts, stockMessage } from './stock-alerts-mails.ts'

/** Whoever began to send a mail is given up after this. Less than the time after which a row is queued again. */
const claimSeconds = 25
/** Mails under way at once. */
const parallel = 4

/**
 * Claims a fact's mail, sends it, and marks it sent. A crash between sending and marking sends it again,
 * as SMTP itself would: the copy has the same Message-ID, or is the same file.
 */
export function createMailSender(deps: {
  readonly pool: DatabasePool
  readonly mailer: Mailer
}): OutsideEffect {
  const { pool, mailer } = deps
  return async (events) => {
    const ids = events.map(orderIdOf).filter(isUuid)
    const orders = await readOrderFacts(pool, ids)
    const stock = await readStockFacts(pool, events)
    const concerns = await readConcernFacts(pool, events)
    const mails = new Map<string, Mail>()
    const broken = new Map<string, unknown>()
    for (const event of events) {
      try {
        const mail =
          event.payload.message === 'concern'
            ? concernMailOf(event, concerns.get(event.key))
            : mailOf(event, orders.get(orderIdOf(event)), stock.get(event.key))
        if (mail) mails.set(event.key, mail)
      } catch (error) {
        broken.set(event.key, error)
      }
    }
    const results: PromiseSettledResult<unknown>[] = []
    for (let i = 0; i < events.length; i += parallel) {
      const together = events.slice(i, i + parallel)
      // Not before: with a slow server, a claim would run out while its mail waits for its turn.
      const states = await claim(
        pool,
        together.flatMap(({ key }) => mails.get(key) ?? []),
      )
      results.push(
        ...(await Promise.allSettled(together.map(({ key }) => sendOne(key, states.get(key))))),
      )
      await markSent(
        pool,
        together.flatMap(({ key }, at) => (results[i + at]?.status === 'fulfilled' ? key : [])),
      )
    }
    return results

    async function sendOne(fact: string, state: ClaimState | undefined): Promise<void> {
      if (broken.has(fact)) throw broken.get(fact)
      const mail = mails.get(fact)
      // There is no order, or nobody who could get it: nothing to tell.
      if (!mail) return
      if (state === 'sent') return
      if (state !== 'mine') throw new Error('another worker is sending this mail')
      try {
        await mailer.send(mail)
      } catch (error) {
        await giveBack(pool, fact)
        if (error instanceof MailRefused) {
          throw new PermanentFailure(error.message, { cause: error })
        }
        throw error
      }
    }
  }
}

function orderIdOf({ payload }: OutboxEvent): string {
  return textOf(payload, 'orderId') ?? ''
}

function mailOf(
  event: OutboxEvent,
  order: OrderFacts | undefined,
  stock: StockFacts | undefined,
): Mail | undefined {
  if (stock) return { fact: event.key, to: stock.email, ...stockMessage(event.payload, stock) }
  if (!order?.email) return undefined
  const message = messageOf(event.payload, order)
  return { fact: event.key, to: order.email, ...message }
}

function concernMailOf(
  { key, payload }: OutboxEvent,
  facts: ConcernMailFacts | undefined,
): Mail | undefined {
  if (!facts) return undefined
  return { fact: key, to: facts.email, ...concernMessage(textOf(payload, 'news') ?? '', facts) }
}

function messageOf(payload: OutboxPayload, order: OrderFacts): Message {
  switch (payload.message) {
    case 'order-confirmed':
      return orderConfirmed(order)
    case 'payment-failed':
      return paymentFailed(order)
    case 'refunded':
      return refunded(order, {
        amount: typeof payload.amount === 'number' ? payload.amount : null,
        late: payload.reason === 'late',
      })
    case 'cancelled':
      return cancelled(order)
    case 'expired':
      return expired(order)
    default:
      throw new PermanentFailure(`there is no message ${String(payload.message)}`)
  }
}

type ClaimState = 'mine' | 'sent' | 'busy'

async function claim(
  pool: CommonQueryMethods,
  mails: readonly Mail[],
): Promise<ReadonlyMap<string, ClaimState>> {
  if (mails.length === 0) return new Map()
  const rows = mails.map(({ fact, to, subject }) => [fact, to, subject])
  const mine = await pool.any(sql.type(FactRow)`
    insert into mails (fact, recipient, subject)
    select * from ${sql.unnest(rows, ['text', 'text', 'text'])} as mail where ${unflushed}
    on conflict (fact) do update
      set claimed_at = now(), recipient = excluded.recipient, subject = excluded.subject
      where mails.sent_at is null and mails.claimed_at < now() - make_interval(secs => ${claimSeconds})
    returning fact`)
  const states = new Map<string, ClaimState>(mine.map(({ fact }) => [fact, 'mine']))
  const others = mails.map(({ fact }) => fact).filter((fact) => !states.has(fact))
  if (others.length === 0) return states
  const sent = await pool.any(sql.type(FactRow)`
    select fact from mails where fact = any(${sql.array(others, 'text')}) and sent_at is not null`)
  for (const { fact } of sent) states.set(fact, 'sent')
  return states
}

/** Should the server lose this, it loses that the events were closed, too: the copy is the same mail. */
async function markSent(pool: CommonQueryMethods, facts: readonly string[]): Promise<void> {
  if (facts.length === 0) return
  await pool.query(sql.typeAlias('none')`
    update mails set sent_at = now()
     where fact = any(${sql.array([...facts], 'text')}) and sent_at is null and ${unflushed}`)
}

/** The next try need not wait for the claim to run out. */
async function giveBack(pool: CommonQueryMethods, fact: string): Promise<void> {
  await pool.query(sql.typeAlias('none')`
    update mails set claimed_at = '-infinity' where fact = ${fact} and sent_at is null`)
}

const FactRow = z.object({ fact: z.string() })
