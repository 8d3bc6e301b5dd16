// Those who ask for the availability of SKUs share their queries, and never get an answer from before a change.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { AvailabilityReader } from '../../../src/flows/browse/availability.ts'
import { startCatalogue, stored, storedVariant } from '../../support/catalogue.ts'
import { eventually } from '../../support/eventually.ts'
import { manualClock } from '../../support/manual-clock.ts'

/** A reader whose gates answer when the test lets them. */
async function startReader(t: TestContext) {
  const { pool, add } = await startCatalogue(t)
  const product = stored({ variants: [storedVariant({ sku: 'A' }), storedVariant({ sku: 'B' })] })
  await add([product])
  const asked: { readonly sku: string; readonly answer: PromiseWithResolvers<number> }[] = []
  const never = () => Promise.reject(new Error('nobody buys here'))
  const available = (sku: string) => {
    const answer = Promise.withResolvers<number>()
    asked.push({ sku, answer })
    return answer.promise
  }
  const clock = manualClock()
  return {
    asked,
    clock,
    reader: new AvailabilityReader({
      pool,
      strategy: { reserve: never, post: never, available },
      clock,
    }),
    answer: async (at: number, units: number) => {
      await eventually(() => asked.length > at)
      asked[at]?.answer.resolve(units)
    },
  }
}

const unitsOf = (read: Promise<{ readonly available: number } | null>) =>
  read.then((found) => found?.available)

test('a SKU is asked for once by all who come while another read is under way', async (t) => {
  const { reader, asked, answer } = await startReader(t)
  const first = unitsOf(reader.read('A'))
  await eventually(() => asked.length === 1)
  const crowd = [reader.read('B'), reader.read('none'), reader.read('B')].map(unitsOf)
  reader.forget(['B'])
  crowd.push(unitsOf(reader.read('B')))
  await answer(0, 7)
  assert.equal(await first, 7)
  await answer(1, 3)
  assert.deepEqual(
    asked.map(({ sku }) => sku),
    ['A', 'B', 'none'],
  )
  await answer(2, 9)
  assert.deepEqual(await Promise.all(crowd), [3, undefined, 3, 3])
})

test('what was edited while it was read is read again for those who ask from then on', async (t) => {
  const { reader, asked, answer, clock } = await startReader(t)
  const before = unitsOf(reader.read('A'))
  await eventually(() => asked.length === 1)
  reader.forget(['A'])
  const after = unitsOf(reader.read('A'))
  await answer(0, 7)
  await answer(1, 6)
  assert.deepEqual(await Promise.all([before, after]), [7, 6])
  assert.equal(await unitsOf(reader.read('A')), 6)
  assert.equal(asked.length, 2)
  clock.advance(500)
  const later = unitsOf(reader.read('A'))
  await answer(2, 5)
  assert.equal(await later, 5)
})
