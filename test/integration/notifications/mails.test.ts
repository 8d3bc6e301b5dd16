// One mail for each fact, however often its job runs, over real SMTP and into files.
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import test from 'node:test'
import PostalMime from 'postal-mime'
import { SMTPServer } from 'smtp-server'
import { newId } from '../../../src/kernel/ids.ts'
import { createMailer, type Mailer } from '../../../src/notifications/mailer.ts'
import { claimDueEvents, parkedEvents } from '../../../src/platform/outbox.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { closeAfter } from '../../support/at-the-end.ts'
import { testPool } from '../../support/background.ts'
import { eventually } from '../../support/eventually.ts'
import { anOrder, smtpMailer, startSmtp, tell, worker } from '../../support/mails.ts'
import { sellFor } from '../../support/purchases/change.ts'
import { createTestFolder } from '../../support/stores.ts'

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
  await tell(pool, 'order.paid', (await anOrder(pool)).id)
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
