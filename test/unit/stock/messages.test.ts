// What stands in a mailbox is read as it was written, and anything else is refused.
import assert from 'node:assert/strict'
import test from 'node:test'
import {
  decodeEntry,
  encodeCommand,
  encodeReserve,
  isRead,
} from '../../../src/stock/protocol/messages.ts'
import { aCommand, aReserve, limitedTerms } from '../../support/stock-builders.ts'

const words = 'it\'s "a key" \\ with ] and , and ü and \u2028 in it'

test('reserves are read as they were written, in order, with the terms of their entry', () => {
  const terms = { ...limitedTerms(2), title: words, sellerId: 'a-seller' }
  const reserves = [
    aReserve({ terms, key: words, fingerprint: 'A*1,B*2', units: 3 }),
    aReserve({ terms, key: null, fingerprint: '', parts: 3 }),
  ]
  const body = reserves.map(({ checkoutId, buyerId, units, key, fingerprint, parts }) =>
    encodeReserve(checkoutId, buyerId, units, key, fingerprint, parts),
  )
  const fields = ['k', 'reserve', 'g', '17', 't', JSON.stringify(terms), 'b', `[${body.join(',')}]`]
  assert.deepEqual(decodeEntry(['3-8', fields]), {
    generation: 3,
    seq: 8,
    granted: 17,
    messages: reserves,
  })
})

test('a command is read as it was written', () => {
  for (const command of [
    aCommand('release', { checkoutId: aReserve().checkoutId }),
    aCommand('restock', { units: -5 }),
  ]) {
    const fields = ['k', 'command', 'g', '0', 'b', encodeCommand(command)]
    const entry = decodeEntry(['1-1', fields])
    assert.deepEqual(isRead(entry) && entry.messages, [command])
  }
})

test('an entry that no script of ours writes is refused', () => {
  const command = encodeCommand(aCommand('sell', { checkoutId: aReserve().checkoutId }))
  for (const [id, fields] of [
    ['1-1', ['k', 'gossip', 'g', '0', 'b', '[]']],
    ['1-x', ['k', 'command', 'g', '0', 'b', command]],
    ['1-1', ['k', 'command', 'b', command]],
    ['1-1', ['k', 'command', 'g', 'many', 'b', command]],
    ['1-1', ['k', 'command', 'g', '0', 'b', '{']],
    ['1-1', []],
    ['1-1', ['k', 'command', 'g', '0', 'b', command, 'v', 'two']],
    ['1-1', ['k', 'command', 'g', '0', 'b', command, 'v', '0']],
    ['1-x', ['v', '2']],
  ] as const) {
    assert.throws(() => decodeEntry([id, fields]), `${id} ${fields.join(' ')}`)
  }
})
