// Where things are put and how requests are told apart: values that are written into stores and must
// stay what they are, whatever the code becomes.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { holderBits, holderPositions, mayHold } from '../../../src/stock/protocol/holders.ts'
import { partitionKeys, requestsKey, skuKeys } from '../../../src/stock/protocol/keys.ts'
import { partitionCount, partitionOf } from '../../../src/stock/protocol/partition.ts'
import {
  fingerprintOf,
  requestField,
  requestRecord,
} from '../../../src/stock/protocol/request-record.ts'

test('a SKU stays in its partition for ever', () => {
  assert.deepEqual(
    ['FLASH-001', 'MUG-BLUE', 'MUG-GREY', 'TEE-RED-S', 'a', '', 'Größe-M', '商品-1'].map(
      partitionOf,
    ),
    [61, 51, 13, 26, 32, 25, 38, 34],
  )
})

test('SKUs spread over all partitions', () => {
  const partitions = Array.from({ length: 6_400 }, (_, i) => partitionOf(`SKU-${i}`))
  const sizes = [...Map.groupBy(partitions, (partition) => partition).values()].map(
    ({ length }) => length,
  )
  assert.equal(sizes.length, partitionCount)
  assert.ok(Math.min(...sizes) > 50 && Math.max(...sizes) < 150, sizes.join(' '))
})

test('the keys of a SKU and of its partition share one slot', () => {
  const keys = [...Object.values(partitionKeys(7)), ...Object.values(skuKeys(7, 'A{b}'))]
  keys.push(requestsKey(7, 1_790_000_000_000, 0))
  for (const key of keys) assert.equal(/\{(.*?)\}/.exec(key)?.[1], '7', key)
  assert.equal(new Set(keys).size, keys.length)
})

test('yesterday is the day before today, over midnight too', () => {
  const midnight = 20_700 * 86_400_000
  assert.equal(requestsKey(1, midnight, 1), requestsKey(1, midnight - 1, 0))
})

test('a fingerprint tells bodies apart and equal ones not, in any order of lines', () => {
  const [a, b] = [
    { sku: 'A', quantity: 1 },
    { sku: 'B', quantity: 2 },
  ]
  assert.equal(fingerprintOf([a, b]), fingerprintOf([b, a]))
  const others = [
    [a],
    [b],
    [a, { sku: 'B', quantity: 3 }],
    [{ sku: 'A', quantity: 12 }],
    Array.from({ length: 50 }, (_, i) => ({ sku: `S-${i}`, quantity: 1 })),
    Array.from({ length: 50 }, (_, i) => ({ sku: `S-${i}`, quantity: i === 9 ? 2 : 1 })),
  ].map((lines) => fingerprintOf(lines))
  assert.equal(new Set(others).size, others.length)
})

test('a fingerprint fits into a record: it holds no space and is short', () => {
  const long = Array.from({ length: 50 }, (_, i) => ({ sku: `S-${i}`, quantity: 10_000 }))
  for (const lines of [[{ sku: 'A', quantity: 1 }], long]) {
    const fingerprint = fingerprintOf(lines)
    assert.doesNotMatch(fingerprint, /\s/)
    assert.ok(fingerprint.length <= 40)
  }
  assert.equal(requestRecord('id', 'print'), 'id print')
})

test('a request field is of buyer and key together', () => {
  const buyer = randomUUID()
  assert.equal(requestField(buyer, 'k'), requestField(buyer, 'k'))
  assert.notEqual(requestField(buyer, 'k'), requestField(buyer, 'K'))
  assert.notEqual(requestField(buyer, 'k'), requestField(randomUUID(), 'k'))
})

test('the filter of holders has 16 bits or more a unit, a power of two, within bounds', () => {
  for (const units of [0, 1, 64, 65, 1_000, 50_000]) {
    const bits = holderBits(units)
    assert.ok(bits >= 16 * units && Number.isInteger(Math.log2(bits)), `${units}: ${bits}`)
  }
  assert.equal(holderBits(0), 1_024)
  assert.equal(holderBits(1_000_000_000), 2 ** 27)
})

test('the filter never denies a holder and seldom takes a stranger for one', () => {
  const bits = holderBits(1_000)
  const filter = Buffer.alloc(bits / 8)
  const holders = Array.from({ length: 1_000 }, () => randomUUID())
  for (const at of holders.flatMap((buyer) => holderPositions(buyer, bits))) {
    filter[at >>> 3] = (filter[at >>> 3] as number) | (128 >>> (at & 7))
  }
  assert.ok(holders.every((buyer) => mayHold(filter, bits, buyer)))
  const mistaken = Array.from({ length: 10_000 }, () => randomUUID()).filter((buyer) =>
    mayHold(filter, bits, buyer),
  )
  assert.ok(mistaken.length < 200, `${mistaken.length} of 10,000`)
})

test('a filter that Redis keeps shorter than its size denies what lies behind its end', () => {
  assert.equal(mayHold(Buffer.alloc(0), 1_024, randomUUID()), false)
})
