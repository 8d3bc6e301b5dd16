// While Redis grants nothing, a process makes its own share of calls, and says so once.
import assert from 'node:assert/strict'
import test from 'node:test'
import { LocalRoom } from '../../../src/payments/budget/local-room.ts'
import { RedisOrShare } from '../../../src/payments/budget/redis-or-share.ts'
import type { Granted, Room } from '../../../src/payments/budget/room.ts'
import { assertWithin, noted, pass } from '../../support/budget.ts'
import { manualClock } from '../../support/manual-clock.ts'

type State = 'there' | 'failing' | 'silent'

function world() {
  const clock = manualClock()
  const said: string[] = []
  let state: State = 'there'
  let asked = 0
  const shared: Room = {
    ask: async () => {
      asked += 1
      if (state === 'failing') throw new Error('no connection')
      if (state === 'silent') return new Promise<Granted>(() => {})
      return { buyers: 9, background: 0, againMs: 1, rate: 94, at: 0 }
    },
    slowDown: async () => null,
  }
  const own = noted(new LocalRoom(clock, { account: 25, endpoint: 6.25 }))
  const log = {
    warn: (_facts: unknown, text: string) => void said.push(text),
    info: (text: string) => void said.push(text),
  }
  const room = new RedisOrShare({ shared, own: own.room, clock, log })
  return {
    clock,
    said,
    ownGrants: own.grants,
    asked: () => asked,
    be: (next: State) => {
      state = next
    },
    ask: () => room.ask('lists', { buyers: 9, background: 0 }, 'one'),
  }
}

test('a Redis that fails is left alone for a second, and each begins and ends with one line', async () => {
  const { clock, said, ownGrants, asked, be, ask } = world()
  assert.equal((await ask()).buyers, 9)
  be('failing')
  for (let i = 0; i < 40; i++) {
    await ask()
    await pass(clock, 80)
  }
  assertWithin(7, ownGrants)
  assert.ok(ownGrants.length >= 16, `${ownGrants.length} calls of its own share`)
  assert.ok(asked() >= 4 && asked() <= 5, `${asked()} asks`)
  assert.equal(said.length, 1)
  be('there')
  clock.advance(1_000)
  assert.equal((await ask()).buyers, 9)
  assert.equal((await ask()).buyers, 9)
  assert.equal(said.length, 2)
})

test('a Redis that is silent is waited for once, and not by those who ask meanwhile', async () => {
  const { clock, said, be, ask } = world()
  be('silent')
  const first = ask()
  await pass(clock, 104)
  assert.equal((await first).buyers, 1)
  assert.equal((await ask()).buyers, 0, 'the next one is answered at once')
  clock.advance(1_000)
  const probe = ask()
  assert.ok((await ask()).buyers >= 1, 'while one call tries Redis, others do not wait')
  await pass(clock, 104)
  await probe
  assert.equal(said.length, 1)
})

test('an answer that lay unread in a busy process is not taken for silence', async () => {
  const { clock, said } = world()
  const answer = Promise.withResolvers<Granted>()
  const shared: Room = { ask: () => answer.promise, slowDown: async () => null }
  const own = new LocalRoom(clock, { account: 25, endpoint: 6.25 })
  const log = { warn: () => void said.push('away'), info: () => {} }
  const room = new RedisOrShare({ shared, own, clock, log })
  const asked = room.ask('lists', { buyers: 9, background: 0 }, 'one')
  // All at once: the time is over, and what has arrived is read after the timers.
  clock.advance(500)
  setImmediate(() => answer.resolve({ buyers: 9, background: 0, againMs: 1, rate: 94, at: 0 }))
  assert.equal((await asked).buyers, 9)
  assert.deepEqual(said, [])
})
