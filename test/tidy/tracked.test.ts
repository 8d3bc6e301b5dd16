// The tests about the code read folders by name: a file in a folder that nobody named would escape them all.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import test from 'node:test'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The folders that the tests in test/tidy read, and tsconfig.json and biome.json name. */
const read = ['src', 'dev', 'bench', 'test', 'scripts']

test('every TypeScript file of the project lies in a folder that is checked', (t) => {
  const listed = tracked()
  if (listed === undefined) return t.skip('this is no git checkout: nothing says which files count')
  const strays = listed.filter((path) => !read.some((folder) => path.startsWith(`${folder}/`)))
  assert.ok(listed.length > 0)
  assert.deepEqual(strays, [])
})

function tracked(): string[] | undefined {
  try {
    const arguments_ = [
      'ls-files',
      '-co',
      '--exclude-standard',
      '--',
      '*.ts',
      '*.mts',
      '*.mjs',
      '*.tsx',
    ]
    return execFileSync('git', arguments_, { cwd: root, encoding: 'utf8' }).trim().split('\n')
  } catch {
    return undefined
  }
}
