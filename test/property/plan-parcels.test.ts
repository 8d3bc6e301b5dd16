// Parcels send all that can be sent, never more than lies there, and as few as a search through all ways
// of sending finds.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import {
  kilometresBetween,
  type Location,
  type Need,
  planParcels,
} from '../../src/fulfilment/plan-parcels.ts'

const skus = ['A', 'B', 'C', 'D']
const needs = fc
  .uniqueArray(fc.constantFrom(...skus), { minLength: 1 })
  .chain((chosen) =>
    fc.tuple(
      ...chosen.map((sku) =>
        fc.record({ sku: fc.constant(sku), units: fc.integer({ min: 1, max: 5 }) }),
      ),
    ),
  )
const place = fc.record({
  latitude: fc.double({ min: -90, max: 90, noNaN: true }),
  longitude: fc.double({ min: -180, max: 180, noNaN: true }),
})
const locationsUpTo = (maxLength: number): fc.Arbitrary<Location[]> =>
  fc
    .array(
      fc.record({
        place: fc.option(place),
        priority: fc.integer({ min: 0, max: 3 }),
        stock: fc.dictionary(fc.constantFrom(...skus), fc.integer({ min: 0, max: 5 })),
      }),
      { maxLength },
    )
    .map((list) =>
      list.map(({ stock, ...rest }, i) => ({
        ...rest,
        id: `L${i}`,
        stock: new Map(Object.entries(stock)),
      })),
    )

const stockOf = (locations: readonly Location[], sku: string) =>
  locations.reduce((sum, { stock }) => sum + (stock.get(sku) ?? 0), 0)

const sendable = (wanted: readonly Need[], locations: readonly Location[]) =>
  wanted.reduce((sum, { sku, units }) => sum + Math.min(units, stockOf(locations, sku)), 0)

function fewest(wanted: readonly Need[], locations: readonly Location[]): number {
  const whole = sendable(wanted, locations)
  let best = locations.length
  for (let mask = 0; mask < 2 ** locations.length; mask++) {
    const subset = locations.filter((_, i) => mask & (1 << i))
    if (sendable(wanted, subset) === whole) best = Math.min(best, subset.length)
  }
  return best
}

test('every unit is in one parcel, and none is taken that does not lie there', () => {
  fc.assert(
    fc.property(needs, locationsUpTo(14), fc.option(place), (wanted, locations, destination) => {
      const parcels = planParcels(wanted, locations, destination)
      for (const { sku, units } of wanted) {
        const lines = parcels.flatMap(({ lines }) => lines.filter((line) => line.sku === sku))
        assert.equal(
          lines.reduce((sum, line) => sum + line.units, 0),
          units,
        )
      }
      const from = parcels.map(({ locationId }) => locationId)
      assert.equal(new Set(from).size, from.length, 'one parcel from each location')
      for (const { locationId, lines } of parcels) {
        assert.ok(lines.length > 0)
        const stock = locations.find(({ id }) => id === locationId)?.stock
        for (const { sku, units } of lines) {
          assert.ok(units > 0)
          if (locationId !== null) assert.ok(units <= (stock?.get(sku) ?? 0))
        }
      }
    }),
  )
})

test('all that lies anywhere is sent, in as few parcels as can be', () => {
  fc.assert(
    fc.property(needs, locationsUpTo(7), fc.option(place), (wanted, locations, destination) => {
      const parcels = planParcels(wanted, locations, destination)
      const located = parcels.filter(({ locationId }) => locationId !== null)
      const sent = located.flatMap(({ lines }) => lines).reduce((sum, { units }) => sum + units, 0)
      assert.equal(sent, sendable(wanted, locations))
      assert.equal(located.length, fewest(wanted, locations))
    }),
  )
})

const at = (id: string, latitude: number, stock: Record<string, number>, priority = 100) => ({
  id,
  place: { latitude, longitude: 0 },
  priority,
  stock: new Map(Object.entries(stock)),
})

test('of those that have it all, the nearest sends', () => {
  const locations = [at('far', 50, { A: 9 }), at('near', 11, { A: 9 }), at('nearest', 10, { A: 1 })]
  const parcels = planParcels([{ sku: 'A', units: 2 }], locations, { latitude: 10, longitude: 0 })
  assert.deepEqual(parcels, [{ locationId: 'near', lines: [{ sku: 'A', units: 2 }] }])
})

test('without a destination, the lowest priority sends', () => {
  const locations = [at('second', 0, { A: 9 }, 2), at('first', 80, { A: 9 }, 1)]
  const [parcel] = planParcels([{ sku: 'A', units: 2 }], locations, null)
  assert.equal(parcel?.locationId, 'first')
})

test('one location that has both lines sends them in one parcel, though others are nearer', () => {
  const locations = [at('a', 10, { A: 1 }), at('b', 11, { B: 1 }), at('both', 60, { A: 1, B: 1 })]
  const wanted = [
    { sku: 'A', units: 1 },
    { sku: 'B', units: 1 },
  ]
  const parcels = planParcels(wanted, locations, { latitude: 10, longitude: 0 })
  assert.deepEqual(parcels, [{ locationId: 'both', lines: wanted }])
})

test('units that lie nowhere are a parcel without a location', () => {
  const parcels = planParcels([{ sku: 'A', units: 3 }], [at('a', 0, { A: 1 })], null)
  assert.deepEqual(parcels, [
    { locationId: 'a', lines: [{ sku: 'A', units: 1 }] },
    { locationId: null, lines: [{ sku: 'A', units: 2 }] },
  ])
})

test('distances are those of a globe', () => {
  const berlin = { latitude: 52.52, longitude: 13.405 }
  const paris = { latitude: 48.8566, longitude: 2.3522 }
  assert.equal(Math.round(kilometresBetween(berlin, paris) / 10), 88)
  const west = { latitude: 0, longitude: -179 }
  assert.equal(Math.round(kilometresBetween(west, { latitude: 0, longitude: 179 })), 222)
  assert.equal(kilometresBetween(paris, paris), 0)
})
