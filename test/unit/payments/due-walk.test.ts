// When the provider's events are walked over, and how far back.
import assert from 'node:assert/strict'
import test from 'node:test'
import { dueWalk } from '../../../src/payments/event-walk.ts'

const hour = 3_600_000
const at = (text: string) => Date.parse(`2026-11-${text}Z`)
const now = at('20T12:00:00')
const quiet = { walkedTo: new Date(now), longAt: new Date(at('20T03:00:00')), wantedAt: null }

test('a shop that has never walked looks at all that the provider still has', () => {
  const never = { walkedTo: null, longAt: null, wantedAt: null }
  assert.deepEqual(dueWalk(never, now), { fromMs: now - 30 * 24 * hour, long: true })
})

test('without a gap and before the night nothing is asked for', () => {
  assert.equal(dueWalk(quiet, now), null)
  assert.equal(dueWalk(quiet, at('21T02:59:59')), null)
})

test('a gap is walked over from an hour before the last walk, because events appear late', () => {
  const walkedTo = at('20T08:00:00')
  const gap = { ...quiet, walkedTo: new Date(walkedTo), wantedAt: new Date(now) }
  assert.deepEqual(dueWalk(gap, now), { fromMs: walkedTo - hour, long: false })
})

test('every night more than a day is walked over, whatever was walked over since', () => {
  const night = at('21T03:00:00')
  assert.deepEqual(dueWalk({ ...quiet, walkedTo: new Date(night - hour) }, night), {
    fromMs: night - 26 * hour,
    long: true,
  })
  // A worker that was away for a week goes back to where it was.
  const walkedTo = new Date(at('12T00:00:00'))
  const fromMs = walkedTo.getTime() - hour
  assert.deepEqual(dueWalk({ ...quiet, walkedTo }, night), { fromMs, long: true })
})

test('nobody asks for events that the provider does not have any more', () => {
  const walkedTo = new Date(now - 90 * 24 * hour)
  const fromMs = now - 30 * 24 * hour
  assert.equal(dueWalk({ ...quiet, walkedTo, wantedAt: new Date(now) }, now)?.fromMs, fromMs)
})
