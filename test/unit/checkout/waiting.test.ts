// A request that waits for its commit while PostgreSQL is away.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Checkouts } from '../../../src/flows/reserve/checkouts.ts'
import { Results } from '../../../src/flows/reserve/results.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { systemRandom } from '../../../src/kernel/random.ts'
import { checkoutIds } from '../../../src/stock/protocol/checkout-id.ts'
import { manualClock } from '../../support/manual-clock.ts'

test('it looks a few times a second, also when the word of its commit is there already', async () => {
  const clock = manualClock({ hurried: true })
  let tell: (words: string) => void = () => {}
  const wakes = {
    onResults: (hear: typeof tell) => {
      tell = hear
      return () => {}
    },
    listenToResults: async () => {},
    leaveResults: () => {},
  }
  let looks = 0
  const away = async () => {
    looks += 1
    throw new Error('PostgreSQL is away')
  }
  const ids = checkoutIds('a secret of this test', clock.now, systemRandom)
  const buyerId = newId()
  const checkoutId = ids.mint(1, 1, buyerId)
  const checkouts = new Checkouts({
    pool: { maybeOne: away, one: away, any: away } as never,
    ids,
    strategy: {
      reserve: async () => ({ tag: 'accepted', checkoutId, status: 'queued' }),
      post: async () => {},
      available: async () => null,
    },
    results: new Results({ wakes, clock }),
    clock,
  })
  tell(JSON.stringify([clock.now(), [[checkoutId, 'x', 0, 'EUR']]]))
  const lines = [{ sku: 'A', quantity: 1 }]
  const placed = await checkouts.place({ buyerId, lines, key: 'key', waitMs: 2_000 })
  assert.equal(placed.tag === 'placed' && placed.checkout.status, 'queued')
  assert.ok(looks < 20, `${looks} looks`)
})
