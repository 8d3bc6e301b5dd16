/** The progress line: rewritten on a terminal, repeated every two seconds elsewhere. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createProgress } from '../../../bench/ground/progress.ts'
import { LatencyRecorder } from '../../../bench/load/latency.ts'

function aTerminal(isTTY: boolean) {
  const terminal = {
    isTTY,
    columns: 40,
    text: '',
    write: (text: string) => (terminal.text += text),
  }
  return terminal
}

test('a file gets a line every two seconds', () => {
  const out = aTerminal(false)
  let now = 0
  const progress = createProgress(out, () => now)
  for (; now < 5_000; now += 100) progress.update(`at ${now}`)
  assert.equal(out.text, '  at 0\n  at 2000\n  at 4000\n')
})

test('a terminal’s line is rewritten, cut to its width and taken away', () => {
  const out = aTerminal(true)
  let now = 0
  const progress = createProgress(out, () => now)
  progress.update('x'.repeat(200))
  now += 1_000
  progress.update('second')
  progress.say('done')
  assert.equal(out.text.split('\n').length, 2)
  assert.ok(out.text.split('\r').every((line) => line.length <= 50))
  assert.ok(out.text.endsWith('\u001b[2Kdone\n'))
})

test('latencies keep their microseconds', () => {
  const recorder = new LatencyRecorder()
  for (let us = 1; us <= 1_000; us += 1) recorder.record(us / 1000)
  const { p50, p99, max } = recorder.summary()
  assert.ok(Math.abs(p50 - 0.5) < 0.005 && Math.abs(p99 - 0.99) < 0.005, `${p50} ${p99}`)
  assert.equal(max, 1)
})

test('no latencies are zeros, not numbers that cannot be', () => {
  assert.deepEqual(new LatencyRecorder().summary(), { p50: 0, p90: 0, p99: 0, max: 0 })
})
