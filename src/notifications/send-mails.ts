/** Sends the mails that were noted: one for each fact, however often the job runs. */
import type { CommonQueryMethods, DatabasePool } from 'slonik'
import { z } from 'zod'
import type { Clock } from '../kernel/clock.ts'
import type { OutboxEvent } from '../platform/outbox.ts'
import type { OutsideEffect } from '../platform/outbox-handlers.ts'
import { sql, unflushed } from '../platform/postgres/pool.ts'
import { PermanentFailure } from '../platform/retries.ts'
import { concernLetters } from './concern-letters.ts'
import type { LetterContext, LettersOf } from './letters.ts'
import { type Mail, type Mailer, MailRefused } from './mailer.ts'
import { orderLetters } from './order-letters.ts'
import { saleLetters } from './sale-letters.ts'
import { stockLetters } from './stock-letters.ts'
import { orderMessages } from './true-words.ts'
import { writeMail } from './write-mail.ts'

/** Whoever began to send a mail is given up after this. Less than the time after which a row is queued again. */
const claimSeconds = 25
/** After this, no mail of those that were claimed together is begun. Milliseconds. */
const lateMs = 8_000
/** Mails under way at once. */
const parallel = 4
/**
 * Mails that are written together. As many as can be sent within seconds: with a slow server, one that waits for its
 * turn would be true no more, and its claim over.
 */
const together = { slow: parallel, quick: 32, quickMs: 500 }

/** Who writes the mails of a kind, by the message that was noted. */
const kinds: ReadonlyMap<unknown, LettersOf> = new Map<unknown, LettersOf>([
  ...orderMessages.map((message) => [message, orderLetters] as const),
  ['concern', concernLetters],
  ['sale', saleLetters],
  ['daily-sales', saleLetters],
  ['low-stock', stockLetters],
  ['back-in-stock', stockLetters],
])

/**
 * For whoever starts the jobs. Claims a fact's mail, sends it, and marks it sent. What the mail says is read
 * then, so it is true when it leaves; where nothing is to be told any more, there is no mail. A crash between
 * sending and marking sends it again, as SMTP itself would: the copy has the same Message-ID, or is the same
 * file.
 */
export function createMailSender(deps: {
  readonly pool: DatabasePool
  readonly mailer: Mailer
  readonly context: LetterContext
  readonly clock: Pick<Clock, 'monotonic'>
}): OutsideEffect {
  const { pool, context, clock } = deps
  let size = together.slow
  return async (events) => {
    const results: PromiseSettledResult<unknown>[] = []
    while (results.length < events.length) {
      const some = events.slice(results.length, results.length + size)
      const begun = clock.monotonic()
      results.push(...(await sendSome(some)))
      const each = (clock.monotonic() - begun) / some.length
      size = each * together.quick <= together.quickMs ? together.quick : together.slow
    }
    return results

    async function sendSome(some: readonly OutboxEvent[]) {
      const written = await writeMails(pool, some, context)
      const states = await claim(
        pool,
        some.flatMap(({ key }) => written.mails.get(key) ?? []),
      )
      const outcomes: PromiseSettledResult<unknown>[] = []
      const begun = clock.monotonic()
      for (let i = 0; i < some.length; i += parallel) {
        const late = clock.monotonic() - begun > lateMs
        const sending = some
          .slice(i, i + parallel)
          .map(({ key }) =>
            late && states.get(key) === 'mine'
              ? putOff(pool, key)
              : sendOne(deps, key, written, states.get(key)),
          )
        outcomes.push(...(await Promise.allSettled(sending)))
      }
      await markSent(
        pool,
        some.flatMap(({ key }, at) => (outcomes[at]?.status === 'fulfilled' ? key : [])),
      )
      return outcomes
    }
  }
}

/** The server has become slow: it is sent later, under a claim of its own. */
async function putOff(pool: CommonQueryMethods, fact: string): Promise<never> {
  await giveBack(pool, fact)
  throw new Error('the mail server is slow; this mail is sent later')
}

async function sendOne(
  { pool, mailer }: { readonly pool: CommonQueryMethods; readonly mailer: Mailer },
  fact: string,
  { mails, broken }: WrittenMails,
  state: ClaimState | undefined,
): Promise<void> {
  if (broken.has(fact)) throw broken.get(fact)
  const mail = mails.get(fact)
  // Nothing is to be told any more, or nobody could get it.
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

/** By the key of the event; `broken` has what no try will mend. */
interface WrittenMails {
  readonly mails: ReadonlyMap<string, Mail>
  readonly broken: ReadonlyMap<string, unknown>
}

async function writeMails(
  pool: DatabasePool,
  events: readonly OutboxEvent[],
  context: LetterContext,
): Promise<WrittenMails> {
  const mails = new Map<string, Mail>()
  const broken = new Map<string, unknown>()
  const groups = Map.groupBy(events, ({ payload }) => kinds.get(payload.message))
  for (const [lettersOf, some] of groups) {
    const letters = lettersOf && (await lettersOf(pool, some, context))
    for (const { key, payload } of some) {
      const letter = letters?.get(key)
      if (!letters) {
        broken.set(key, new PermanentFailure(`there is no message ${String(payload.message)}`))
      } else if (letter) {
        mails.set(key, { fact: key, to: letter.to, ...writeMail(letter) })
      }
    }
  }
  return { mails, broken }
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
