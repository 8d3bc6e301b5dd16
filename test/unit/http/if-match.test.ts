// Which versions a client says it has seen.
import assert from 'node:assert/strict'
import test from 'node:test'
import { versionsIn } from '../../../src/http/server/if-match.ts'

test('an If-Match names versions; one that names none of ours matches nothing', () => {
  const cases = [
    [undefined, null],
    ['*', null],
    ['"3"', [3]],
    ['3', [3]],
    ['"3", "4"', [3, 4]],
    ['W/"3"', []],
    ['"abc"', []],
    ['', []],
    ['"99999999999999"', []],
  ] as const
  for (const [header, versions] of cases) assert.deepEqual(versionsIn(header), versions, header)
})
