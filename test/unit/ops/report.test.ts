// What a gate and its ledger say when they are read at different moments, and how a report reads. Pure.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Comparison } from '../../../src/ops/compare-gate.ts'
import { breachesMax, Findings } from '../../../src/ops/findings.ts'
import type { GateReading, LedgerReading } from '../../../src/ops/gate-readings.ts'
import { reportText } from '../../../src/ops/report-text.ts'

const ledger = (changes: Partial<LedgerReading> = {}): LedgerReading => ({
  ...{ sku: 'A', partition: 1, generation: 1, cursor: 5, free: 10, granted: 40 },
  ...changes,
})
const gate = (changes: Partial<GateReading> = {}): GateReading => ({
  ...{ generation: 1, units: 7, granted: 43, seq: 6, settled: 5, waiting: 1, pool: null },
  ...changes,
})

test('a gate agrees when it has what is free, less what it granted since', () => {
  assert.deepEqual(new Comparison().see(ledger(), gate()), { tag: 'agrees' })
})

test('readings of different cursors say nothing, until one of them was seen before', () => {
  const comparison = new Comparison()
  assert.equal(comparison.see(ledger(), gate({ settled: 4, waiting: 2 })).tag, 'unknown')
  assert.equal(comparison.still, true)
  const later = gate({ settled: 5, units: 9, granted: 41 })
  assert.equal(comparison.see(ledger({ cursor: 8, free: 1 }), later).tag, 'agrees')
  assert.equal(comparison.still, false)
})

test('a difference is told when it was seen three times, and by its direction', () => {
  const comparison = new Comparison()
  assert.equal(comparison.see(ledger(), gate({ units: 5 })).tag, 'unknown')
  assert.equal(comparison.see(ledger(), gate({ units: 5 })).tag, 'unknown')
  const verdict = comparison.see(ledger(), gate({ units: 5 }))
  assert.deepEqual(verdict, { tag: 'stranded', units: 2 })
})

test('a new generation begins anew', () => {
  const comparison = new Comparison()
  comparison.see(ledger(), gate({ units: 5 }))
  comparison.see(ledger(), gate({ units: 5 }))
  const next = { generation: 2, cursor: 0 }
  const rebuilt = gate({ generation: 2, settled: 0, seq: 0, waiting: 0, units: 9, granted: 40 })
  assert.equal(comparison.see(ledger(next), rebuilt).tag, 'unknown')
})

test('entries that the mailbox does not hold are told as missing', () => {
  const comparison = new Comparison()
  for (let i = 0; i < 2; i++) comparison.see(ledger(), gate({ waiting: 0 }))
  assert.deepEqual(comparison.see(ledger(), gate({ waiting: 0 })), { tag: 'missing', entries: 1 })
})

test('a promise with more breaches than are told is broken, and tells the first', () => {
  const findings = new Findings(1)
  for (let i = 0; i < breachesMax + 5; i++) findings.breach(`SKU ${i}`)
  const { kept, breaches } = findings.result()
  assert.equal(kept, false)
  assert.equal(breaches.length, breachesMax)
  assert.equal(breaches[0], 'SKU 0')
})

test('a report shows each promise with its verdict, its breaches below it, and what was not checked', () => {
  const [sold, once] = [new Findings(1), new Findings(4)]
  sold.checked(12_345)
  once.breach('B: twice; repair: end one')
  const promises = [sold.result(), once.result()]
  assert.deepEqual(reportText({ kept: false, promises }, ['gates: not compared']).split('\n'), [
    '   guarantee       verdict  checked',
    ' 1 Never oversold  kept      12,345',
    ' 4 Exactly once    BROKEN         0',
    '     ! B: twice; repair: end one',
    '   note: gates: not compared',
    '1 of 7 guarantees are broken',
  ])
})
