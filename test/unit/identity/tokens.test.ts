// Access tokens without a server: what verifying remembers, and for how long.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTokens } from '../../../src/identity/tokens.ts'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'

const secret = 'a-secret-of-more-than-thirty-two-characters'

test('a remembered token stops working when it expires', () => {
  let now = systemClock.now()
  const tokens = createTokens(secret, { ...systemClock, now: () => now })
  const account = { id: newId(), role: 'buyer' } as const
  const token = tokens.issueAccessToken(account)
  assert.deepEqual(tokens.verifyAccessToken(token), account)
  assert.deepEqual(tokens.verifyAccessToken(token), account)
  now += 901_000
  assert.equal(tokens.verifyAccessToken(token), undefined)
})

test('more tokens than are remembered are still verified', () => {
  const tokens = createTokens(secret)
  const issued = Array.from({ length: 20_100 }, () =>
    tokens.issueAccessToken({ id: newId(), role: 'buyer' }),
  )
  for (const token of issued) assert.ok(tokens.verifyAccessToken(token))
  assert.ok(tokens.verifyAccessToken(issued[0] ?? ''))
})
