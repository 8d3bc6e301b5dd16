// One mail for each fact, however often its job runs, over real SMTP and into files.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import PostalMime, { type Email } from 'postal-mime'
import type { DatabasePool } from 'slonik'
import { SMTPServer } from 'smtp-server'
import { newId } from '../../../src/kernel/ids.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import { mailTopics } from '../../../src/notifications/mail-topics.ts'
import { createMailer, type Mailer } from '../../../src/notifications/mailer.ts'
import { createMailSender } from '../../../src/notifications/send-mails.ts'
import {
  appendOutbox,
  claimDueEvents,
  mailTopic,
  type OutboxPayload,
  parkedEvents,
} from '../../../src/platform/outbox.ts'
import { handleEvents, joinTopics } from '../../../src/platform/outbox-handlers.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { closeAfter } from '../../support/at-the-end.ts'
import { dueNow, quickRetries, silent, testPool } from '../../support/background.ts'
import { eventually } from '../../support/eventually.ts'
import { sellFor } from '../../support/purchases/change.ts'
import { writePaidOrder } from '../../support/purchases/write.ts'
import { createTestFolder } from '../../support/stores.ts'

interface Caught {
  readonly to: readonly string[]
  readonly mail: Email
}

/** A real SMTP server that keeps what it takes; `refuse` says with which status it refuses a recipient. */
async function startSmtp(t: TestContext, refuse: () => number | undefined = () => undefined) {
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

async function anOrder(
  pool: DatabasePool,
  { email = `${newId()}@example.com`, name = 'Bea <Buyer>' } = {},
): Promise<{ id: string; email: string }> {
  const buyer = newId()
  await pool.query(sql.typeAlias('none')`
    insert into accounts (id, email, name, role, password_hash)
    values (${buyer}, ${email}, ${name}, 'buyer', '-')`)
  const id = await writePaidOrder(pool, buyer, [
    { sku: 'MUG', title: 'Mug & saucer', units: 2, unitPrice: 1_450 },
    { sku: 'TEE', title: '<b>Tee</b>', units: 1, unitPrice: 4_900 },
  ])
  return { id, email }
}

function worker(pool: DatabasePool, mailer: Mailer) {
  const topics = joinTopics(mailTopics, {
    [mailTopic]: { outside: createMailSender({ pool, mailer }) },
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

function smtpMailer(t: TestContext, smtpUrl: string): Mailer {
  const mailer = createMailer({
    smtpUrl,
    mailDir: 'never-made',
    from: 'Sluice <shop@sluice.example>',
  })
  t.after(() => mailer.close())
  return mailer
}

const tell = (pool: DatabasePool, topic: string, key: string, payload: OutboxPayload = {}) =>
  pool.transaction((tx) => appendOutbox(tx, topic, key, payload))

test('every fact about an order is told in text and HTML, to its buyer', async (t) => {
  const pool = await testPool(t)
  const { caught, url } = await startSmtp(t)
  const { run } = worker(pool, smtpMailer(t, url))
  const { id, email } = await anOrder(pool)
  const refund = newId()
  await tell(pool, 'order.paid', id)
  await tell(pool, 'payment.failed', id)
  await tell(pool, 'payment.refunded', refund, { orderId: id, amount: 4900, reason: 'late' })
  await tell(pool, 'order.cancelled', id)
  await tell(pool, 'checkout.expired', id)
  await run()
  assert.deepEqual(caught.map(({ mail }) => mail.subject?.replace(/\d+/, 'N')).toSorted(), [
    'Order N is cancelled',
    'Order N is confirmed',
    'Refund for order N',
    'The payment for order N failed',
    'The time to pay for order N is over',
  ])
  for (const { to, mail } of caught) {
    assert.deepEqual(to, [email])
    assert.equal(mail.from?.address, 'shop@sluice.example')
    assert.match(mail.text ?? '', /2 × Mug & saucer: €29\.00/)
    assert.match(mail.text ?? '', /Total: €78\.00/)
    assert.match(mail.html ?? '', /Mug &amp; saucer/)
    assert.match(mail.html ?? '', /&lt;b&gt;Tee&lt;\/b&gt;/)
    assert.match(mail.html ?? '', /Hello Bea &lt;Buyer&gt;,/)
  }
  const refunded = caught.find(({ mail }) => mail.subject?.startsWith('Refund'))
  assert.match(refunded?.mail.text ?? '', /given €49\.00 back/)
  assert.match(refunded?.mail.text ?? '', /after the time to pay had ended/)
})

test('a mail writes amounts with the digits of their currency', async (t) => {
  const pool = await testPool(t)
  const { caught, url } = await startSmtp(t)
  const { run } = worker(pool, smtpMailer(t, url))
  const { id } = await anOrder(pool)
  await sellFor(pool, 'HUF', 100)
  await tell(pool, 'order.paid', id)
  await run()
  const text = caught[0]?.mail.text ?? ''
  assert.match(text, /Tee<\/b>: HUF\s4,900$/m)
  assert.match(text, /Total: HUF\s7,800$/m)
})

test('one fact, one mail: however often its job runs, also at once and after a crash before its end', async (t) => {
  const pool = await testPool(t)
  const { caught, url } = await startSmtp(t)
  const mailer = smtpMailer(t, url)
  const [one, two] = [worker(pool, mailer), worker(pool, mailer)]
  const { id } = await anOrder(pool)
  await tell(pool, 'order.paid', id)
  await one.handle(await claimDueEvents(pool, 'facts', 10))
  const mails = await claimDueEvents(pool, 'mails', 10)
  await Promise.all([one, two, one, two].map((each) => each.handle(mails)))
  // The row is open again, as after a crash between the mail's mark and the closing of the row.
  await pool.query(sql.typeAlias('none')`update outbox set done_at = null`)
  await one.run()
  await two.run()
  assert.equal(caught.length, 1)
})

test('a mail that was sent by a worker that died before it could mark it is recognised by its Message-ID', async (t) => {
  const pool = await testPool(t)
  const { caught, url } = await startSmtp(t)
  const { run } = worker(pool, smtpMailer(t, url))
  const { id } = await anOrder(pool)
  await tell(pool, 'order.paid', id)
  await run()
  await pool.query(sql.typeAlias('none')`
    update mails set sent_at = null, claimed_at = now() - interval '1 minute'`)
  await pool.query(sql.typeAlias('none')`update outbox set done_at = null`)
  await run()
  const [first, second] = caught.map(({ mail }) => mail.messageId)
  assert.equal(caught.length, 2)
  assert.match(first ?? '', /^<[0-9a-f]{40}@sluice\.example>$/)
  assert.equal(first, second)
})

test('a mail server that is away or busy gets the mail later; one that refuses for good is not asked again', async (t) => {
  const pool = await testPool(t)
  let status: number | undefined = 451
  const { caught, url } = await startSmtp(t, () => status)
  const { run } = worker(pool, smtpMailer(t, url))
  const { id } = await anOrder(pool)
  await tell(pool, 'order.paid', id)
  await run()
  assert.equal(caught.length, 0)
  status = undefined
  await run()
  assert.equal(caught.length, 1)

  status = 550
  await tell(pool, 'payment.failed', id)
  await run()
  const parked = await parkedEvents(pool, { limit: 10, before: null })
  assert.deepEqual(
    parked.map(({ topic, attempts }) => ({ topic, attempts })),
    [{ topic: 'mail', attempts: 1 }],
  )
})

test('a log-in that the server refuses is no verdict on the mail', async (t) => {
  const pool = await testPool(t)
  const server = new SMTPServer({
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
    logger: false,
    onAuth: (_auth, _session, done) =>
      done(Object.assign(new Error('Authentication failed'), { responseCode: 535 })),
  })
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  closeAfter(t, () => new Promise<void>((resolve) => server.close(() => resolve())))
  const { port } = server.server.address() as AddressInfo
  const { run } = worker(pool, smtpMailer(t, `smtp://user:old@127.0.0.1:${port}`))
  const { id } = await anOrder(pool)
  await tell(pool, 'order.paid', id)
  await run()
  assert.deepEqual(await parkedEvents(pool, { limit: 10, before: null }), [])
})

test('a mail is claimed when its turn has come, not with its batch', async (t) => {
  const pool = await testPool(t)
  const release = Promise.withResolvers<void>()
  t.after(() => release.resolve())
  let begun = 0
  const mailer: Mailer = {
    async send() {
      begun += 1
      await release.promise
    },
    close: () => {},
  }
  const { run } = worker(pool, mailer)
  for (let i = 0; i < 10; i++) await tell(pool, 'order.paid', (await anOrder(pool)).id)
  const running = run()
  await eventually(() => assert.ok(begun > 0))
  const { count } = await pool.one(sql.typeAlias('count')`select count(*) as count from mails`)
  assert.equal(count, begun, 'the others may be sent by whoever is free')
  release.resolve()
  await running
  assert.equal(begun, 10)
})

test('a mail server that does not answer costs one try', async (t) => {
  const pool = await testPool(t)
  const { run } = worker(pool, smtpMailer(t, 'smtp://127.0.0.1:1'))
  const { id } = await anOrder(pool)
  await tell(pool, 'order.paid', id)
  await run()
  const { count } = await pool.one(sql.typeAlias('count')`
    select attempts as count from outbox where topic = 'mail'`)
  assert.equal(count, 1)
})

test('without a mail server each fact is one file, also when it is sent again', async (t) => {
  const pool = await testPool(t)
  const mailDir = join(createTestFolder(t), 'mail')
  const { run } = worker(
    pool,
    createMailer({ smtpUrl: undefined, mailDir, from: 'shop@sluice.example' }),
  )
  const { id, email } = await anOrder(pool)
  await tell(pool, 'order.paid', id)
  await run()
  await pool.query(sql.typeAlias('none')`
    update mails set sent_at = null, claimed_at = now() - interval '1 minute'`)
  await pool.query(sql.typeAlias('none')`update outbox set done_at = null`)
  await run()
  const files = readdirSync(mailDir)
  assert.deepEqual(files, [`order-confirmed-${id}.eml`])
  const mail = await PostalMime.parse(readFileSync(join(mailDir, files[0] ?? '')))
  assert.equal(mail.to?.[0]?.address, email)
  assert.match(mail.subject ?? '', /is confirmed$/)
})

test('nobody is told of an order that does not exist, or whose buyer is gone', async (t) => {
  const pool = await testPool(t)
  const { caught, url } = await startSmtp(t)
  const { run } = worker(pool, smtpMailer(t, url))
  const { id } = await anOrder(pool)
  await pool.query(sql.typeAlias('none')`delete from accounts`)
  await tell(pool, 'order.paid', id)
  await tell(pool, 'order.cancelled', newId())
  await run()
  assert.equal(caught.length, 0)
  const { count } = await pool.one(sql.typeAlias('count')`
    select count(*) as count from outbox where done_at is null`)
  assert.equal(count, 0)
})

test('a name cannot smuggle a header or a second recipient into a mail', async (t) => {
  const pool = await testPool(t)
  const { caught, url } = await startSmtp(t)
  const { run } = worker(pool, smtpMailer(t, url))
  const name = 'Eve\r\nBcc: everybody@example.com'
  const { id, email } = await anOrder(pool, { name, email: 'eve@example.com' })
  await tell(pool, 'order.paid', id)
  await run()
  assert.deepEqual(
    caught.map(({ to }) => to),
    [[email]],
  )
  assert.equal(caught[0]?.mail.bcc, undefined)
})
