// The walk over the provider's events: what no webhook has brought gets into the inbox, once.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import test, { type TestContext } from 'node:test'
import type { DatabasePool } from 'slonik'
import { systemClock } from '../../../src/kernel/clock.ts'
import { createEventWalk } from '../../../src/payments/event-walk.ts'
import { readWalk } from '../../../src/payments/event-walk-row.ts'
import type { RefusedByProvider, Unknown } from '../../../src/payments/gateway.ts'
import type { ListedEvent, PageRequest } from '../../../src/payments/provider-lists.ts'
import { stripeLists } from '../../../src/payments/stripe-lists.ts'
import { WebhookInbox } from '../../../src/payments/webhook-inbox.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { silent, testPool } from '../../support/background.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { anEvent } from '../../support/webhooks.ts'

const minute = 60_000
const type = 'payment_intent.succeeded'
const away: Unknown = { tag: 'unknown', why: 'away', message: 'nobody answers' }
const gone: RefusedByProvider = {
  ...{ tag: 'refused', code: 'resource_missing', param: 'starting_after' },
  ...{ message: 'No such event', intent: null },
}

/** A provider with events, one a second, and a worker that walks over them, three to a page. */
async function world(t: TestContext, count: number) {
  const pool = await testPool(t)
  const clock = manualClock()
  const inbox = new WebhookInbox(pool, systemClock)
  const events: ListedEvent[] = []
  const make = (madeMs: number) => events.push({ ...anEvent(type), type, madeMs })
  for (let i = 0; i < count; i++) make(clock.now() - (count - i) * 1_000)
  const asked: PageRequest[] = []
  const answers: Unknown[] = []
  const lists = {
    listEvents: async (request: PageRequest) => {
      asked.push(request)
      const scripted = answers.shift()
      if (scripted) return scripted
      const { after, fromMs = 0 } = request
      if (after !== null && !events.some(({ id }) => id === after)) return gone
      const newest = events.toReversed().filter(({ madeMs }) => madeMs >= fromMs)
      const rest = newest.slice(newest.findIndex(({ id }) => id === after) + 1)
      const items = rest.slice(0, 3)
      const next = rest.length > 3 ? (items.at(-1)?.id ?? null) : null
      return { tag: 'page', items, next, unreadable: 0 } as const
    },
  }
  const worker = (pagesMax = 100) =>
    createEventWalk({ pool, lists, inbox, clock, log: silent, pagesMax })
  return { pool, clock, inbox, events, make, asked, answers, lists, worker }
}

const stored = (pool: DatabasePool) =>
  pool
    .any(sql.typeAlias('id')`select id from webhook_events order by id`)
    .then((rows) => rows.map(({ id }) => id))

const idsOf = (events: readonly { readonly id: string }[]) => events.map(({ id }) => id).toSorted()

test('an event that no webhook brought is in the inbox after the walk; one that comes late is the same', async (t) => {
  const { pool, inbox, events, worker } = await world(t, 7)
  const [first, second] = events
  assert.ok(first && second)
  await inbox.store(first)
  assert.equal(await worker().run(), 6)
  assert.deepEqual(await stored(pool), idsOf(events))
  // Its webhook comes after all.
  await inbox.store(second)
  assert.deepEqual(await stored(pool), idsOf(events))
  assert.equal(await worker().run(), 0)
})

test('a page that fails is taken up again where the walk stopped, not from the beginning', async (t) => {
  const { pool, events, asked, answers, worker, lists } = await world(t, 10)
  const one = worker(1)
  await one.run()
  answers.push(away)
  assert.equal(await one.run(), 0)
  assert.equal((await stored(pool)).length, 3)
  for (let i = 0; i < 3; i++) await worker(1).run()
  assert.deepEqual(await stored(pool), idsOf(events))
  const marks = asked.map(({ after }) => events.findIndex(({ id }) => id === after))
  assert.deepEqual(marks, [-1, 7, 7, 4, 1])
  // Webhooks may have been lost while the provider was away: another walk.
  assert.notEqual((await readWalk(pool)).wantedAt, null)
  await worker().run()
  assert.equal((await readWalk(pool)).wantedAt, null)
  assert.ok(lists)
})

test('an event that appears later than it was made is found by the next walk', async (t) => {
  const { pool, clock, make, events, worker } = await world(t, 4)
  await worker().run()
  make(clock.now() - 40 * minute)
  clock.advance(5 * minute)
  make(clock.now())
  await worker().want()
  assert.equal(await worker().run(), 2)
  assert.deepEqual(await stored(pool), idsOf(events))
})

test('webhooks that fall silent are noticed within a minute, without a restart', async (t) => {
  const { pool, clock, make, events, asked, worker } = await world(t, 1)
  const walk = worker()
  await walk.run()
  assert.equal(await walk.run(), 0)
  for (let i = 0; i < 5; i++) make(clock.now())
  assert.equal(await walk.run(), 0, 'their webhooks may be on their way')
  clock.advance(40_000)
  assert.equal(await walk.run(), 3, 'the newest page')
  clock.advance(20_000)
  assert.equal(await walk.run(), 2, 'a walk finds the others')
  assert.deepEqual(await stored(pool), idsOf(events))
  const before = asked.length
  await walk.run()
  assert.equal(asked.length - before, 1, 'a shop without a gap asks for one page')
})

test('a provider that was away is walked over when it is back', async (t) => {
  const { pool, clock, make, events, answers, worker } = await world(t, 8)
  const walk = worker()
  await walk.run()
  answers.push(away)
  await walk.run()
  // So young that a look would not miss it.
  make(clock.now())
  assert.equal(await walk.run(), 1)
  assert.deepEqual(await stored(pool), idsOf(events))
})

test('two workers that walk at once store each event once, and end', async (t) => {
  const { pool, events, asked, worker } = await world(t, 40)
  const [first, second] = [worker(), worker()]
  await first.want()
  await Promise.all([first.run(), second.run(), first.run()])
  assert.ok(asked.length <= 16, `${asked.length} pages were asked for, of 14`)
  await worker().run()
  assert.deepEqual(await stored(pool), idsOf(events))
  const row = await readWalk(pool)
  assert.equal(row.underWay, null)
  assert.notEqual(row.walkedTo, null)
})

test('a walk whose last event the provider has forgotten begins anew and does not stop for ever', async (t) => {
  const { pool, events, worker } = await world(t, 9)
  await worker(1).run()
  events.splice(6, 1)
  await worker().run()
  await worker().run()
  const left = await stored(pool)
  assert.ok(idsOf(events).every((id) => left.includes(id)))
  assert.equal(left.length, 9)
})

test('an event that PostgreSQL cannot take keeps no other out', async (t) => {
  const { pool, events, worker } = await world(t, 5)
  const body = `${'['.repeat(100_000)}${']'.repeat(100_000)}`
  events[2] = { ...(events[2] as ListedEvent), body }
  assert.equal(await worker().run(), 4)
  assert.equal((await stored(pool)).length, 4)
  assert.equal((await readWalk(pool)).underWay, null)
})

const event = JSON.parse(anEvent(type).body)
const list = (data: unknown, has_more: unknown = false) =>
  JSON.stringify({ object: 'list', data, has_more, url: '/v1/events' })
const rubbish: Readonly<Record<string, readonly [number, string]>> = {
  'a page of a proxy': [200, '<html>It works</html>'],
  'a list without its members': [200, '{"object":"list"}'],
  'a list of no list': [200, list({ id: 'evt_1' })],
  'a next page that begins nowhere': [200, list([], true)],
  'a failure of its own': [500, '{"error":{"type":"api_error","message":"no"}}'],
}

test('rubbish in the place of a page stores nothing and stops no worker', async (t) => {
  const pool = await testPool(t)
  let answer: readonly [number, string] = [200, '']
  const server = createServer((_, response) => {
    response.writeHead(answer[0], { 'content-type': 'application/json' }).end(answer[1])
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  const apiBase = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const lists = stripeLists({ secretKey: 'sk_test_walk', apiBase, clock: systemClock })
  const inbox = new WebhookInbox(pool, systemClock)
  const walk = createEventWalk({ pool, lists, inbox, clock: systemClock, log: silent })
  for (const [what, each] of Object.entries(rubbish)) {
    answer = each
    assert.equal(await walk.run(), 0, what)
    const page = await lists.listEvents({ after: null })
    assert.equal(page.tag, 'unknown', what)
  }
  // What can be read of a page is taken; the rest is left out.
  const created = Math.floor(Date.now() / 1000)
  const good = { ...event, created }
  answer = [200, list([null, 7, {}, { ...good, id: 5 }, { ...good, created: 'now' }, good])]
  assert.equal(await walk.run(), 1)
  assert.deepEqual(await stored(pool), [event.id])
})
