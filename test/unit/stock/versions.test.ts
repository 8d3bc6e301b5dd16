// What stands in a mailbox while one release replaces another: recorded entries, as Redis returns them.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import {
  decodeEntry,
  type Entry,
  type StreamEntry,
  versionsRead,
} from '../../../src/stock/protocol/messages.ts'

interface Recorded {
  readonly raw: StreamEntry
  /** Only of versions that were released. */
  readonly read?: Entry
}

const file = new URL('../../fixtures/mailbox-entries.json', import.meta.url)
const recorded: Readonly<Record<string, readonly Recorded[]>> = JSON.parse(
  readFileSync(file, 'utf8'),
)
const newest = Math.max(...versionsRead)

test('every version that this release reads was recorded, and so was the next one', () => {
  assert.deepEqual(
    Object.keys(recorded).map(Number),
    [...versionsRead, newest + 1].toSorted((a, b) => a - b),
  )
})

for (const version of versionsRead) {
  test(`recorded entries of version ${version} are read as they were meant`, () => {
    for (const { raw, read } of recorded[version] ?? []) assert.deepEqual(decodeEntry(raw), read)
  })
}

test('of an entry of the next version only its place and its version are read', () => {
  for (const { raw } of recorded[newest + 1] ?? []) {
    const [generation, seq] = raw[0].split('-').map(Number)
    assert.deepEqual(decodeEntry(raw), { generation, seq, version: newest + 1 })
  }
})
