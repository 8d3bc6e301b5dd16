// An API process hears results of the release before it and of the one after it: recorded messages.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { Results } from '../../../src/flows/reserve/results.ts'
import { manualClock } from '../../support/manual-clock.ts'

const file = new URL('../../fixtures/result-messages.json', import.meta.url)
const recorded: Readonly<Record<string, readonly string[]>> = JSON.parse(readFileSync(file, 'utf8'))

function listening() {
  let tell: (words: string) => void = () => {}
  const wakes = {
    onResults: (hear: typeof tell) => {
      tell = hear
      return () => {}
    },
    listenToResults: async () => {},
    leaveResults: () => {},
  }
  const clock = manualClock()
  return { clock, results: new Results({ wakes, clock }), tell: (words: string) => tell(words) }
}

test('recorded messages of version 1 tell who waits what became of it', async () => {
  const { results, tell } = listening()
  const waiting = results.wait('01a22256-f6e6-7037-b010-d224fd4ad777', 1_000)
  for (const message of recorded[1] ?? []) tell(message)
  assert.deepEqual(await waiting, {
    id: '01a22256-f6e6-7037-b010-d224fd4ad777',
    status: 'reserved',
    total: 2_000,
    currency: 'EUR',
    expiresAtMs: 1_795_872_000_000,
  })
  const rejected = await results.wait('01a22256-f6eb-7037-b010-d224fd55b502', 1_000)
  assert.equal(rejected?.status, 'rejected')
})

test('what a newer release tells, and what nobody understands, is ignored', async () => {
  const { clock, results, tell } = listening()
  const waiting = results.wait('01a22256-f6e6-7037-b010-d224fd4ad777', 1_000)
  for (const message of [...(recorded[2] ?? []), '', 'null', '7', '[]', '[1,"x"]', '{'])
    tell(message)
  clock.advance(1_000)
  assert.equal(await waiting, null)
})
