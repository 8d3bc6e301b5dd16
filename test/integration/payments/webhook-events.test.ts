// Stored webhooks on their way to an effect: in any order, any number of times, and parked when it is
// no use; a replay puts them back.
import assert from 'node:assert/strict'
import test from 'node:test'
import type { DatabasePool } from 'slonik'
import { z } from 'zod'
import { systemClock } from '../../../src/kernel/clock.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import {
  claimDueWebhooks,
  firstDueWebhook,
  forgetOldWebhooks,
  parkedWebhooks,
  processWebhooks,
  replayWebhook,
  type StripeEventHandler,
} from '../../../src/payments/webhook-events.ts'
import { WebhookInbox } from '../../../src/payments/webhook-inbox.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { startRelays } from '../../../src/platform/queue/relay.ts'
import { PermanentFailure } from '../../../src/platform/retries.ts'
import { dueNow, quickRetries, silent, testPool, testQueues } from '../../support/background.ts'
import { eventually } from '../../support/eventually.ts'
import { anEvent } from '../../support/webhooks.ts'

const store = async (pool: DatabasePool, count: number) => {
  const inbox = new WebhookInbox(pool, systemClock)
  const type = 'payment_intent.succeeded'
  const events = Array.from({ length: count }, () => anEvent(type))
  await Promise.all(events.map(({ id, body }) => inbox.store({ id, body, type })))
  return events.map(({ id }) => id)
}

const process = async (pool: DatabasePool, handle: StripeEventHandler) => {
  await pool.query(dueNow)
  const ids = [
    ...(await claimDueWebhooks(pool, 'facts', 100)),
    ...(await claimDueWebhooks(pool, 'hints', 100)),
  ]
  await processWebhooks(
    { pool, handle, log: silent, random: systemRandom, retries: quickRetries },
    ids,
  )
}

const states = (pool: DatabasePool) =>
  pool
    .any(sql.type(z.object({ state: z.string() }))`select state from webhook_events order by id`)
    .then((rows) => rows.map(({ state }) => state))

test('an event reaches its handler whole, and is closed by what the handler says', async (t) => {
  const pool = await testPool(t)
  const [first, second] = (await store(pool, 2)).toSorted()
  const seen: string[] = []
  await process(pool, async (event) => {
    assert.equal(event.type, 'payment_intent.succeeded')
    assert.equal(event.data.object.object, 'payment_intent')
    seen.push(event.id)
    return event.id === first ? 'processed' : 'ignored'
  })
  assert.deepEqual(seen.toSorted(), [first, second])
  assert.deepEqual(await states(pool), ['processed', 'ignored'])
  await process(pool, () => assert.fail('closed'))
})

test('events after which the provider is asked hold up none that tells all there is to know', async (t) => {
  const pool = await testPool(t)
  const inbox = new WebhookInbox(pool, systemClock)
  const types = {
    facts: ['payment_intent.succeeded', 'refund.updated'],
    hints: ['payment_intent.payment_failed', 'payment_intent.canceled'],
  }
  for (const type of Object.values(types).flat()) {
    const { id, body } = anEvent(type)
    await inbox.store({ id, body, type })
  }
  for (const queue of ['facts', 'hints'] as const) {
    const ids = await claimDueWebhooks(pool, queue, 10)
    const claimed = await pool.anyFirst(sql.type(z.object({ type: z.string() }))`
      select type from webhook_events where id = any(${sql.array(ids, 'text')}) order by type`)
    assert.deepEqual(claimed, types[queue].toSorted())
  }
})

test('an event that tells what is settled needs no handler; one that tells anything else does', async (t) => {
  const pool = await testPool(t)
  await pool.query(sql.typeAlias('none')`
    insert into payments (checkout_id, intent_id, amount, currency, status, captured)
    values (gen_random_uuid(), 'pi_known', 500, 'EUR', 'succeeded', 500),
      (gen_random_uuid(), 'pi_open', 500, 'EUR', 'open', 0)`)
  const type = 'payment_intent.succeeded'
  const known = { id: 'pi_known', amount_received: 500, currency: 'eur' }
  const inbox = new WebhookInbox(pool, systemClock)
  const told = [
    anEvent(type, known),
    anEvent(type, { ...known, amount_received: 499 }),
    anEvent(type, { ...known, currency: 'usd' }),
    anEvent(type, { ...known, id: 'pi_open' }),
    anEvent(type, { ...known, id: 'pi_of_somebody_else' }),
  ]
  await Promise.all(told.map(({ id, body }) => inbox.store({ id, body, type })))
  const failed = anEvent('payment_intent.payment_failed', known)
  await inbox.store({ ...failed, type: 'payment_intent.payment_failed' })
  const ofAnAccount = anEvent(type, known)
  const body = ofAnAccount.body.replace('{', '{"account":"acct_connected",')
  await inbox.store({ id: ofAnAccount.id, body, type })
  const seen: string[] = []
  await process(pool, async ({ id }) => {
    seen.push(id)
    return 'processed'
  })
  const handled = [...told.slice(1), failed, ofAnAccount].map(({ id }) => id)
  assert.deepEqual(seen.toSorted(), handled.toSorted())
  assert.deepEqual(new Set(await states(pool)), new Set(['processed']))
})

test('an event that fails is tried again, then parked, and a replay puts it back', async (t) => {
  const pool = await testPool(t)
  const [id = ''] = await store(pool, 1)
  let broken = true
  const handle: StripeEventHandler = async () => {
    if (broken) throw new Error('the order is locked')
    return 'processed'
  }
  await process(pool, handle)
  assert.deepEqual(await states(pool), ['stored'])
  await process(pool, handle)
  await process(pool, handle)
  assert.deepEqual(await states(pool), ['parked'])
  const [parked] = await parkedWebhooks(pool, { limit: 10, before: null })
  assert.equal(parked?.lastError, 'Error: the order is locked')
  assert.equal(parked?.attempts, 3)
  broken = false
  await process(pool, handle)
  assert.deepEqual(await states(pool), ['parked'])
  assert.equal(await replayWebhook(pool, id), 'stored')
  await process(pool, handle)
  assert.deepEqual(await states(pool), ['processed'])
  assert.equal(await replayWebhook(pool, id), 'processed')
  assert.equal(await replayWebhook(pool, 'evt_none'), null)
})

test('an event with a failure that no further try will mend is parked at once', async (t) => {
  const pool = await testPool(t)
  await store(pool, 1)
  await process(pool, () =>
    Promise.reject(new PermanentFailure('the amount is not that of the order')),
  )
  assert.deepEqual(await states(pool), ['parked'])
})

test('an event that fails does not keep the others of its batch from being processed', async (t) => {
  const pool = await testPool(t)
  const ids = (await store(pool, 10)).toSorted()
  await process(pool, async ({ id }) => {
    if (id === ids[4]) throw new Error('no')
    return 'processed'
  })
  const expected = ids.map((id) => (id === ids[4] ? 'stored' : 'processed'))
  assert.deepEqual(await states(pool), expected)
})

test('a worker that died with an event in hand leaves it for another', async (t) => {
  const pool = await testPool(t)
  await store(pool, 1)
  assert.equal((await claimDueWebhooks(pool, 'facts', 10)).length, 1)
  assert.deepEqual(await claimDueWebhooks(pool, 'facts', 10), [])
  await process(pool, async () => 'processed')
  assert.deepEqual(await states(pool), ['processed'])
})

test('one event id, 20 deliveries in parallel, 1,000 events, two workers: one effect each', async (t) => {
  const pool = await testPool(t)
  const { deps } = await testQueues(t)
  await pool.query(sql.typeAlias('none')`create table effects (event_id text, at timestamptz)`)
  // As a handler of a real effect is: what it does twice is one thing.
  const handle: StripeEventHandler = async ({ id }) => {
    await pool.transaction(async (tx) => {
      const open = await tx.maybeOne(sql.typeAlias('none')`
        select from webhook_events where id = ${id} and state = 'stored' for update`)
      if (!open) return
      await tx.query(sql.typeAlias('none')`
        insert into effects select ${id}, now() where not exists (select from effects where event_id = ${id})`)
    })
    return 'processed'
  }
  for (const _ of [1, 2]) {
    const relay = startRelays({ ...deps, pool }, [
      {
        name: 'webhooks',
        batch: 50,
        concurrency: 2,
        firstDue: firstDueWebhook('facts'),
        claim: (limit) => claimDueWebhooks(pool, 'facts', limit),
        handle: (ids: readonly string[]) =>
          processWebhooks({ pool, handle, log: silent, random: systemRandom }, ids),
      },
    ])
    t.after(() => relay.stop())
  }
  const inboxes = [new WebhookInbox(pool, systemClock), new WebhookInbox(pool, systemClock)]
  const events = Array.from({ length: 1_000 }, () => anEvent())
  for (let i = 0; i < events.length; i += 100) {
    const deliveries = events
      .slice(i, i + 100)
      .flatMap(({ id, body }) => Array.from({ length: 20 }, () => ({ id, body })))
    await Promise.all(
      deliveries.map((event, n) =>
        inboxes[n % 2]?.store({ ...event, type: 'payment_intent.succeeded' }),
      ),
    )
  }
  await eventually(async () => {
    const { count } = await pool.one(sql.typeAlias('count')`
      select count(*) as count from webhook_events where state = 'processed'`)
    assert.equal(count, 1_000)
  })
  const effects = await pool.one(
    sql.type(z.object({ all: z.number(), distinct: z.number() }))`
      select count(*) as all, count(distinct event_id) as distinct from effects`,
  )
  assert.deepEqual(effects, { all: 1_000, distinct: 1_000 })
})

test('old webhooks are forgotten once they ended', async (t) => {
  const pool = await testPool(t)
  await store(pool, 2)
  await pool.query(sql.typeAlias('none')`
    update webhook_events set received_at = now() - interval '31 days',
      state = case when id = (select min(id) from webhook_events) then 'processed' else 'parked' end`)
  assert.equal(await forgetOldWebhooks(pool, { days: 30, limit: 10 }), 1)
  assert.deepEqual(await states(pool), ['parked'])
})
