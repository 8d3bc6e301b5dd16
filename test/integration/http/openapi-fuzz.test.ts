// Bad input on every route, made from the API's own description: wrong types, missing and unknown members,
// texts that are too long or odd, ids that are not there or somebody else's, stale versions. Nothing is
// answered with a 5xx, and nothing that is refused changes anything.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type BadCall, badCallsOf } from '../../support/bad-calls.ts'
import { fingerprint } from '../../support/fingerprint.ts'
import { type Operation, readOperations } from '../../support/openapi.ts'
import { type Call, everybody, type People, startPeople, type Who } from '../../support/people.ts'
import { type RouteCase, routeTable } from '../../support/route-table.ts'

interface Target {
  readonly route: string
  readonly method: string
  readonly operation: Operation
  readonly entry: RouteCase
  readonly good: Call
  /** Somebody whose good call would be taken. */
  readonly taken: Who
}

/** In which order a caller is looked for whose call gets past authentication. */
const callers: readonly Who[] = ['buyer', 'seller', 'admin', 'nobody']

async function prepare(people: People): Promise<Target[]> {
  const targets: Target[] = []
  for (const [route, operation] of await readOperations(people.system)) {
    const entry = routeTable[route]
    assert.ok(entry, `${route} is not in the table`)
    const answerTo = (who: Who) => entry.answers[everybody.indexOf(who)] ?? 0
    const taken =
      callers.find((who) => answerTo(who) < 300) ??
      callers.find((who) => ![401, 403].includes(answerTo(who))) ??
      'nobody'
    const [method = ''] = route.split(' ')
    targets.push({ route, method, operation, entry, good: await entry.call(people), taken })
  }
  return targets
}

test('bad input is refused on every route and changes nothing', async (t) => {
  const people = await startPeople(t)
  const { system, callAs } = people
  const targets = await prepare(people)
  // From here on nothing moves by itself.
  await system.stopWorkers()
  const state = () => fingerprint(system.pool, system.redis)

  const send = async (target: Target, bad: BadCall): Promise<number> => {
    const { path, headers = {}, raw } = bad
    const call = { path, headers, ...(raw === undefined ? {} : { raw }) }
    const answer = await callAs(target.taken, target.method, call, target.entry.fresh)
    const told = `${target.route}, ${bad.name}: ${answer.status} ${JSON.stringify(answer.body)}`
    assert.ok(answer.status < 500, told)
    if (answer.status >= 400) assert.equal(answer.body.status, answer.status, told)
    if (bad.refused) assert.ok(answer.status >= 400, told)
    return answer.status
  }

  // Each of their calls is made by an account of its own, so something changes with each.
  const endsAccounts = (target: Target) => target.entry.fresh !== undefined
  for (const target of targets.filter((each) => !endsAccounts(each))) {
    await t.test(`${target.route} changes nothing`, async () => {
      const { entry, good, method, operation } = target
      const before = await state()
      for (const bad of badCallsOf(operation, good)) if (bad.harmless) await send(target, bad)
      for (const [index, who] of everybody.entries()) {
        const expected = entry.answers[index] ?? 0
        if (expected < 400) continue
        const answer = await callAs(who, method, good)
        assert.equal(answer.status, expected, `${who}: ${JSON.stringify(answer.body)}`)
      }
      assert.deepEqual(await state(), before)
    })
  }
  // What may be good by chance is carried out as usual.
  await system.startWorker()
  for (const target of targets) {
    const calls = badCallsOf(target.operation, target.good)
    const rest = calls.filter(({ harmless }) => endsAccounts(target) || !harmless)
    if (rest.length === 0) continue
    await t.test(`${target.route} does not break`, async () => {
      for (const bad of rest) await send(target, bad)
    })
  }
})

test('stale and senseless versions, keys and cart ids are refused and change nothing', async (t) => {
  const people = await startPeople(t)
  const { system, callAs, product } = people
  const { id, sku } = await product()
  const path = `/api/products/${id}`
  const first = await callAs('seller', 'GET', { path })
  const stale = first.headers.get('etag') ?? ''
  const edit = { path, body: { title: 'Second' }, headers: { 'if-match': stale } }
  assert.equal((await callAs('seller', 'PATCH', edit)).status, 200)
  await system.stopWorkers()
  const before = await fingerprint(system.pool, system.redis)

  for (const version of [stale, '"0"', 'W/"1"', '"x"', 'x', '"99999999999999999999"', '""']) {
    for (const [method, call] of [
      ['PATCH', { path, body: { title: 'Third' } }],
      ['DELETE', { path }],
      [
        'POST',
        { path: `${path}/variants`, body: { sku: 'X-1', price: 100, currency: 'EUR', stock: 1 } },
      ],
    ] as const) {
      const headers = { 'if-match': version }
      const answer = await callAs('seller', method, { ...call, headers })
      assert.equal(answer.status, 412, `${method} ${version}`)
    }
  }
  const items = [{ sku, quantity: 1 }]
  for (const bad of [undefined, '', ' ', 'a b', 'x'.repeat(256), 'caf\u00e9']) {
    const headers: Record<string, string> = bad === undefined ? {} : { 'idempotency-key': bad }
    for (const place of ['/api/checkouts', '/api/orders']) {
      const answer = await callAs('buyer', 'POST', { path: place, body: { items }, headers })
      assert.equal(answer.status, 400, `${place}: ${bad}`)
    }
  }
  for (const bad of ['x', '0', 'not-a-uuid', '{}', '../..']) {
    const headers = { 'x-cart-id': bad }
    const add = { path: '/api/cart/items', body: { sku, quantity: 1 }, headers }
    assert.equal((await callAs('nobody', 'POST', add)).status, 400, bad)
  }
  assert.deepEqual(await fingerprint(system.pool, system.redis), before)
})
