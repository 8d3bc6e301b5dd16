import assert from 'node:assert/strict'
import test from 'node:test'
import { Collection } from '../../../dev/simulator/collection.ts'
import { Form } from '../../../dev/simulator/form.ts'
import { IdempotencyKeys } from '../../../dev/simulator/idempotency.ts'
import { newStripeId, randomFraction } from '../../../dev/simulator/stripe-ids.ts'

test('a collection forgets its oldest records and keeps the order of the rest', () => {
  const collection = new Collection<{ id: string; created: number; changed?: boolean }>(3)
  for (let created = 0; created < 20; created += 1) {
    collection.put({ id: `r${created}`, created })
    collection.put({ id: `r${Math.max(0, created - 1)}`, created: created - 1, changed: true })
  }
  assert.equal(collection.size, 3)
  assert.deepEqual(
    [...collection.newestFirst()].map(({ id }) => id),
    ['r19', 'r18', 'r17'],
  )
  assert.deepEqual(
    [...collection.newestFirst('r19')].map(({ id }) => id),
    ['r18', 'r17'],
  )
  assert.equal(collection.get('r18')?.changed, true)
  assert.equal(collection.get('r16'), undefined)
  assert.deepEqual([...collection.newestFirst('r1')], [])
})

test('there are never more keys than the bound', () => {
  const keys = new IdempotencyKeys(10)
  for (let now = 0; now < 100; now += 1) {
    keys.begin({ key: `k${now}`, path: '/', body: '', now, requestId: 'req_1' })
  }
  assert.equal(keys.size, 10)
})

test('ids have their prefix and 24 characters, and do not come twice', () => {
  const ids = Array.from({ length: 20_000 }, () => newStripeId('pi'))
  assert.equal(new Set(ids).size, ids.length)
  assert.ok(ids.every((id) => /^pi_[0-9A-Za-z]{24}$/.test(id)))
  const fractions = Array.from({ length: 5_000 }, randomFraction)
  assert.ok(fractions.every((fraction) => fraction >= 0 && fraction < 1))
})

test('forms are read with brackets, plus signs and empty values', () => {
  const form = Form.parse('metadata[a%20b]=x+y&metadata[c]=&expand[]=one&flag=true&empty=')
  assert.deepEqual(form.metadata(), { 'a b': 'x y' })
  assert.deepEqual(Object.values(form.group('expand')), ['one'])
  assert.equal(form.flag('flag'), true)
  assert.equal(form.text('empty'), undefined)
  assert.throws(() => Form.parse('a=1&a=2'), /Duplicate/)
  assert.throws(() => Form.parse('amount=1e3').whole('amount'), /Invalid integer/)
})
