// `npm test` runs every test file, and runs it once: in a process of its own, or with its group.
import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import test from 'node:test'
import { fileURLToPath } from 'node:url'
import { filesOf, groups, inOrder } from '../groups.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const matching = (pattern: string) => globSync(pattern, { cwd: root })

test('every test file is run by `npm test`, and once', () => {
  const alone = inOrder.flatMap(matching).filter((file) => !file.startsWith('test/together/'))
  const together = Object.keys(groups).flatMap((group) =>
    filesOf(group).map((file) => `test/${file}`),
  )
  const all = matching('test/**/*.test.ts').toSorted()
  assert.ok(all.length > 100)
  assert.deepEqual([...alone, ...together].toSorted(), all)
})

test('every group has a file that runs it', () => {
  const files = matching('test/together/*').toSorted()
  assert.deepEqual(
    files,
    Object.keys(groups)
      .map((group) => `test/together/${group}.ts`)
      .toSorted(),
  )
})
