// Ids of checkouts carry where they belong: valid UUIDv7, readable by their buyer only, never the same twice.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import test from 'node:test'
import { isUuid } from '../../../src/kernel/ids.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import { checkoutIds, firstIdAt, partitionDigits } from '../../../src/stock/protocol/checkout-id.ts'

const at = 1_790_000_000_000
const ids = checkoutIds('a secret of the installation', () => at, systemRandom)
const buyer = randomUUID()

test('an id is a UUIDv7 of its millisecond with the variant of RFC 9562', () => {
  for (let i = 0; i < 1_000; i++) {
    const id = ids.mint(i % 64, i, buyer)
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
    assert.ok(isUuid(id))
    assert.equal(Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16), at)
  }
})

test('partition and generation come back, the generation modulo 256', () => {
  for (const partition of [0, 1, 9, 10, 31, 63]) {
    for (const generation of [0, 1, 15, 16, 255, 256, 1_000_003]) {
      assert.deepEqual(ids.read(ids.mint(partition, generation, buyer), buyer), {
        partition,
        generation: generation % 256,
      })
    }
  }
})

test('an id of another buyer, of another secret, or changed in one place is not readable', () => {
  const id = ids.mint(5, 2, buyer)
  const other = checkoutIds('another secret', () => at, systemRandom)
  assert.equal(ids.read(id, randomUUID()), null)
  assert.equal(other.read(id, buyer), null)
  const changed = (index: number) => {
    const digit = (Number.parseInt(id[index] as string, 16) ^ 1).toString(16)
    return id.slice(0, index) + digit + id.slice(index + 1)
  }
  for (let i = 0; i < id.length; i++) {
    if (id[i] !== '-') assert.equal(ids.read(changed(i), buyer), null, `digit ${i}`)
  }
})

test('what is no id of a checkout is not readable', () => {
  for (const text of ['', 'x', randomUUID(), ids.mint(1, 1, buyer).toUpperCase(), `${buyer} `]) {
    assert.equal(ids.read(text, buyer), null)
  }
})

test('a million ids of one millisecond are a million ids', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 1_000_000; i++) {
    const id = ids.mint(7, 1, buyer)
    // Without the check, which differs by chance alone.
    seen.add(id.slice(0, 31))
  }
  assert.equal(seen.size, 1_000_000)
})

test('the digits of the partition stand where SQL cuts them out', () => {
  for (const partition of [0, 10, 63]) {
    assert.equal(ids.mint(partition, 3, buyer).slice(15, 18), partitionDigits(partition))
  }
})

test('the first id of a millisecond sorts before every id of it and after those before', () => {
  const before = checkoutIds('a secret', () => at - 1, systemRandom)
  assert.ok(isUuid(firstIdAt(at)))
  assert.ok(firstIdAt(at) < ids.mint(0, 0, buyer))
  assert.ok(before.mint(63, 255, buyer) < firstIdAt(at))
  assert.ok(isUuid(firstIdAt(-5)))
})
