/** Mails for tests: a server that takes them, orders that they are about, and the jobs that send them. */
import type { TestContext } from 'node:test'
import PostalMime, { type Email } from 'postal-mime'
import type { DatabasePool } from 'slonik'
import { SMTPServer } from 'smtp-server'
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { orderLinks } from '../../src/notifications/letters.ts'
import { mailTopics } from '../../src/notifications/mail-topics.ts'
import { createMailer, type Mailer } from '../../src/notifications/mailer.ts'
import { createMailSender } from '../../src/notifications/send-mails.ts'
import {
  appendOutbox,
  claimDueEvents,
  mailTopic,
  type OutboxPayload,
} from '../../src/platform/outbox.ts'
import { handleEvents, joinTopics } from '../../src/platform/outbox-handlers.ts'
import { sql } from '../../src/platform/postgres/pool.ts'
import { closeAfter } from './at-the-end.ts'
import { dueNow, quickRetries, silent } from './background.ts'
import { writePaidOrder } from './purchases/write.ts'

export interface Caught {
  readonly to: readonly string[]
  readonly mail: Email
}

/** A real SMTP server that keeps what it takes; `refuse` says with which status it refuses a recipient. */
export async function startSmtp(
  t: TestContext,
  refuse: () => number | undefined = () => undefined,
) {
  const caught: Caught[] = []
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    logger: false,
    onRcptTo: (_address, _session, done) => {
      const status = refuse()
      if (status === undefined) return done()
      done(Object.assign(new Error('refused'), { responseCode: status }))
    },
    onData: (stream, session, done) => {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', async () => {
        const to = session.envelope.rcptTo.map(({ address }) => address)
        caught.push({ to, mail: await PostalMime.parse(Buffer.concat(chunks)) })
        done()
      })
    },
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closeAfter(t, () => new Promise<void>((resolve) => server.close(() => resolve())))
  const address = server.server.address()
  const port = typeof address === 'object' ? address?.port : 0
  return { caught, url: `smtp://127.0.0.1:${port}` }
}

/** A paid order of a buyer with an account. */
export async function anOrder(
  pool: DatabasePool,
  { email = `${newId()}@example.com`, name = 'Bea <Buyer>', locale = null as string | null } = {},
): Promise<{ id: string; email: string }> {
  const buyer = newId()
  await pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash, locale)
    values (${buyer}, ${email}, ${name}, 'buyer', '-', ${locale})`)
  const id = await writePaidOrder(pool, buyer, [
    { sku: 'MUG', title: 'Mug & saucer', units: 2, unitPrice: 1_450 },
    { sku: 'TEE', title: '<b>Tee</b>', units: 1, unitPrice: 4_900 },
  ])
  return { id, email }
}

/** What sends mails: two passes make a mail of a fact, and send it. */
export function worker(pool: DatabasePool, mailer: Mailer, publicUrl?: string) {
  const topics = joinTopics(mailTopics, {
    [mailTopic]: {
      outside: createMailSender({
        pool,
        mailer,
        context: orderLinks(publicUrl),
        clock: systemClock,
      }),
    },
  })
  const deps = { pool, topics, log: silent, random: systemRandom, retries: quickRetries }
  return {
    /** Two passes: the fact becomes a mail, the mail is sent. */
    async run() {
      for (const _ of [1, 2]) {
        await pool.query(dueNow)
        await handleEvents(deps, [
          ...(await claimDueEvents(pool, 'facts', 100)),
          ...(await claimDueEvents(pool, 'mails', 100)),
        ])
      }
    },
    handle: (ids: readonly number[]) => handleEvents(deps, ids),
  }
}

/** A mailer that talks to such a server. */
export function smtpMailer(t: TestContext, smtpUrl: string, replyTo?: string): Mailer {
  const mailer = createMailer({
    smtpUrl,
    mailDir: 'never-made',
    from: 'Sluice <shop@sluice.example>',
    replyTo,
  })
  t.after(() => mailer.close())
  return mailer
}

/** Writes a fact that mails are about. */
export const tell = (pool: DatabasePool, topic: string, key: string, payload: OutboxPayload = {}) =>
  pool.transaction((tx) => appendOutbox(tx, topic, key, payload))
