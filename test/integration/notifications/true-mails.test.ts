// Mails say what is true when they leave, in the language of whoever reads them.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { hearRefunds } from '../../../src/flows/pay/money/decide-refund.ts'
import { pgMoneyStore } from '../../../src/flows/pay/money/pg-money-store.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { noteDailySales } from '../../../src/notifications/sale-letters.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { testPool } from '../../support/background.ts'
import { anOrder, smtpMailer, startSmtp, tell, worker } from '../../support/mails.ts'
import { giveSeller, leaveOrder } from '../../support/purchases/change.ts'

const none = sql.typeAlias('none')

/** A shop whose mails are caught; `sent` has those since it was last asked. */
async function mailShop(t: TestContext) {
  const pool = await testPool(t)
  const { caught, url } = await startSmtp(t)
  const mailer = smtpMailer(t, url, 'Help <help@sluice.example>')
  const { run } = worker(pool, mailer, 'https://shop.example')
  let seen = 0
  return {
    pool,
    /** Has what is due sent, and answers it. */
    async sent() {
      await run()
      const fresh = caught.slice(seen)
      seen = caught.length
      return fresh
    },
  }
}

interface Paying {
  readonly captured?: number
  readonly refunded?: number
  /** State of the one attempt; none without it. */
  readonly attempt?: string
}

/** The money of an order. Without anything captured, the payment is open. */
async function pay(
  pool: DatabasePool,
  id: string,
  { captured = 0, refunded = 0, attempt }: Paying,
): Promise<void> {
  await pool.query(none`
    insert into payments (checkout_id, intent_id, amount, currency, status, captured, refunded)
    values (${id}, ${`pi_${id}`}, 7800, 'EUR', ${captured > 0 ? 'succeeded' : 'open'}, ${captured}, ${refunded})`)
  if (attempt === undefined) return
  await pool.query(none`
    insert into payment_attempts (checkout_id, attempt, payment_method_id, state)
    values (${id}, 1, 'pm_card_visa', ${attempt})`)
}

async function refund(pool: DatabasePool, id: string, amount: number): Promise<string> {
  const refundId = newId()
  await pool.query(none`
    insert into refunds (id, checkout_id, amount, reason, state, refund_id)
    values (${refundId}, ${id}, ${amount}, 'test', 'succeeded', ${`re_${refundId}`})`)
  return refundId
}

test('each cause has its own words, and they are true', async (t) => {
  const { pool, sent } = await mailShop(t)
  const about = async (
    [state, outcome]: readonly [string, string],
    money: Paying,
    topic: string,
    payload: Readonly<Record<string, string>> = {},
  ) => {
    const { id, email } = await anOrder(pool)
    await leaveOrder(pool, id, { state, outcome })
    await pay(pool, id, money)
    await tell(pool, topic, id, payload)
    const [mail, ...others] = await sent()
    assert.deepEqual([mail?.to, others], [[email], []])
    return mail?.mail.text ?? ''
  }
  const expired = ['expired', 'expired'] as const
  const failed = ['payment_failed', 'payment_failed'] as const
  const cancelled = ['cancelled', 'cancelled'] as const

  await t.test('paid', async () => {
    const { id } = await anOrder(pool)
    await pay(pool, id, { captured: 7_800 })
    await tell(pool, 'order.paid', id)
    const [only] = await sent()
    const { text = '', html = '', subject, replyTo, from } = only?.mail ?? {}
    assert.match(subject ?? '', /^Order \d+ is confirmed$/)
    assert.equal(from?.address, 'shop@sluice.example')
    assert.equal(replyTo?.[0]?.address, 'help@sluice.example')
    assert.match(text, /2 × Mug & saucer: €29\.00/)
    assert.match(text, /Total: €78\.00/)
    assert.match(text, new RegExp(`https://shop\\.example/orders/${id}`))
    assert.match(html, /Mug &amp; saucer/)
    assert.match(html, /&lt;b&gt;Tee&lt;\/b&gt;/)
    assert.match(html, /Hello Bea &lt;Buyer&gt;,/)
  })

  await t.test('expired: nobody is told "not charged" while a debit is under way', async () => {
    const open = await about(expired, { attempt: 'requires_action' }, 'checkout.expired')
    assert.match(open, /may still be working/)
    assert.doesNotMatch(open, /not been charged/)
    const charged = await about(expired, { captured: 7_800 }, 'checkout.expired')
    assert.match(charged, /goes back to you/)
    assert.doesNotMatch(charged, /not been charged/)
    assert.match(
      await about(expired, { attempt: 'declined' }, 'checkout.expired'),
      /not been charged/,
    )
  })

  await t.test('declined, and failed for another reason', async () => {
    const declined = { reason: 'declined' }
    assert.match(
      await about(failed, { attempt: 'declined' }, 'payment.failed', declined),
      /was declined/,
    )
    const away = { reason: 'payment provider unreachable' }
    const lost = await about(failed, { attempt: 'pending' }, 'payment.failed', away)
    assert.match(lost, /could not take/)
    assert.match(lost, /may still be working/)
  })

  await t.test('cancelled by the buyer, and by the seller', async () => {
    const mine = await about(cancelled, {}, 'order.cancelled', { reason: 'by buyer' })
    assert.match(mine, /You have cancelled/)
    assert.match(mine, /not been charged/)
    const theirs = ['cancelled', 'confirmed'] as const
    const seller = { reason: 'by seller' }
    const text = await about(theirs, { captured: 7_800 }, 'order.cancelled', seller)
    assert.match(text, /the seller cannot deliver/)
    assert.match(text, /goes back to you/)
  })

  await t.test('refunded wholly, partly, and because it was sold out', async () => {
    const told = async (amount: number, outcome: string, reason: string) => {
      const { id } = await anOrder(pool)
      await leaveOrder(pool, id, { state: 'refunded', outcome })
      await pay(pool, id, { captured: 7_800, refunded: amount })
      const refundId = await refund(pool, id, amount)
      await tell(pool, 'payment.refunded', refundId, { orderId: id, refundId, amount, reason })
      return (await sent())[0]?.mail.text ?? ''
    }
    assert.match(await told(7_800, 'confirmed', 'cancelled'), /€78\.00 back to you. That is all/)
    assert.match(await told(4_900, 'confirmed', 'test'), /€49\.00 back to you, a part/)
    assert.match(await told(7_800, 'expired', 'late'), /sold out/)
  })
})

test('what is not true any more is not told', async (t) => {
  const { pool, sent } = await mailShop(t)
  const { id } = await anOrder(pool)
  await pay(pool, id, { captured: 7_800 })
  await tell(pool, 'order.paid', id)
  await tell(pool, 'checkout.expired', id)
  await leaveOrder(pool, id, { state: 'cancelled', outcome: 'confirmed' })
  assert.deepEqual(await sent(), [])
  const { count } = await pool.one(sql.typeAlias('count')`
    select count(*) as count from outbox where done_at is null`)
  assert.equal(count, 0, 'and is not tried again')
})

test('a refund that the bank returns is corrected by a mail of its own', async (t) => {
  const { pool, sent } = await mailShop(t)
  const { id } = await anOrder(pool)
  await leaveOrder(pool, id, { state: 'refunded', outcome: 'confirmed' })
  await pay(pool, id, { captured: 7_800, refunded: 7_800 })
  const refundId = await refund(pool, id, 7_800)
  const returned = {
    id: `re_${refundId}`,
    status: 'failed',
    amount: 7_800,
    refundId,
    intentId: null,
  } as const
  const store = pgMoneyStore(pool)
  for (const _ of ['told', 'told again']) {
    await store.changeRefunds(id, (book, freshId) => hearRefunds(book, [returned], freshId))
  }
  const [mail, ...others] = await sent()
  assert.match(mail?.mail.subject ?? '', /^Correction: the refund for order \d+ did not arrive$/)
  assert.match(mail?.mail.text ?? '', /€78\.00.*returned/)
  assert.deepEqual(others, [])
})

test('a buyer reads the language of the account, and which card paid where that is known', async (t) => {
  const { pool, sent } = await mailShop(t)
  await pool.query(none`
    alter table payment_attempts add column if not exists card_brand text, add column if not exists card_last4 text`)
  const { id } = await anOrder(pool, { locale: 'de' })
  await pay(pool, id, { captured: 7_800, attempt: 'succeeded' })
  await pool.query(none`update payment_attempts set card_brand = 'visa', card_last4 = '4242'`)
  await tell(pool, 'order.paid', id)
  const [mail] = await sent()
  assert.match(mail?.mail.subject ?? '', /^Bestellung \d+ ist bestätigt$/)
  assert.match(mail?.mail.text ?? '', /Summe: 78,00\s€/)
  assert.match(mail?.mail.text ?? '', /Bezahlt mit Visa •••• 4242\./)
  assert.match(mail?.mail.html ?? '', /<html lang="de">/)
})

test('a seller hears of sales at once, or once a day, and never of what was cancelled', async (t) => {
  const { pool, sent } = await mailShop(t)
  const seller = async (wish: string) => {
    const id = newId()
    await pool.query(none`
      insert into accounts (id, email, name, role, password_hash, sale_mails)
      values (${id}, ${`${wish}@example.com`}, 'Sam', 'seller', '-', ${wish})`)
    return id
  }
  const [eager, calm] = [await seller('each'), await seller('daily')]
  const sell = async (to: string, daysAgo: number) => {
    const { id } = await anOrder(pool)
    await giveSeller(pool, id, to)
    await pool.query(none`
      insert into order_sellers (seller_id, order_id, at)
      values (${to}, ${id}, date_trunc('day', now() - interval '10 minutes') - make_interval(days => ${daysAgo})
        + interval '1 hour')`)
    return id
  }
  await tell(pool, 'order.paid', await sell(eager, 1))
  await tell(pool, 'order.paid', await sell(calm, 1))
  const sales = (await sent()).filter(({ mail }) => /^You sold/.test(mail.subject ?? ''))
  assert.deepEqual(
    sales.map(({ to }) => to),
    [['each@example.com']],
  )
  assert.match(sales[0]?.mail.text ?? '', /2 × Mug & saucer: €29\.00/)

  await sell(calm, 1)
  await leaveOrder(pool, await sell(calm, 1), { state: 'cancelled', outcome: 'confirmed' })
  await sell(calm, 0)
  await sell(calm, 2)
  const noted = await Promise.all([1, 2, 3].map(() => noteDailySales(pool)))
  assert.deepEqual(noted.toSorted(), [0, 0, 1])
  const [daily, ...others] = await sent()
  assert.deepEqual([daily?.to, others], [['daily@example.com'], []])
  assert.match(daily?.mail.subject ?? '', /^Your sales of .*: 2$/)
  assert.match(daily?.mail.text ?? '', /4 × Mug & saucer: €58\.00/)
  assert.match(daily?.mail.text ?? '', /Total: €156\.00/)
  assert.equal(await noteDailySales(pool), 0)
})
