// `.env.example` lists every setting with its default, and no setting is without effect.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import test from 'node:test'
import { loadConfig } from '../../src/config/config.ts'
import { sourceFiles } from '../support/sources.ts'

const example = readFileSync(new URL('../../.env.example', import.meta.url), 'utf8')
const listed = [...example.matchAll(/^(#?)([A-Z][A-Z0-9_]+)=(.*)$/gm)].map(
  ([, comment, name = '', value = '']) => ({ name, value, shown: comment === '' }),
)
const files = sourceFiles(['src', 'dev'])
const config = files.find(({ path }) => path === 'src/config/config.ts')?.text ?? ''
const settings = [...config.matchAll(/^ {2}([A-Z][A-Z0-9_]+): /gm)].map(([, name = '']) => name)

test('every setting is listed, and nothing else is', () => {
  assert.ok(settings.length > 0)
  assert.deepEqual(listed.map(({ name }) => name).sort(), settings.toSorted())
})

test('what is listed without a comment mark is the default', () => {
  const shown = listed.filter((setting) => setting.shown)
  const set = Object.fromEntries(shown.map(({ name, value }) => [name, value]))
  assert.deepEqual(loadConfig(set), loadConfig({}))
})

test('every setting is read by somebody', () => {
  const readers = files.filter(({ path }) => path !== 'src/config/config.ts')
  const unread = settings.filter(
    (name) => !readers.some(({ text }) => new RegExp(`\\b${name}\\b`).test(text)),
  )
  assert.deepEqual(unread, [])
})
