// Files and functions stay small enough to be read at once. Lines are counted in the formatted text.
import assert from 'node:assert/strict'
import test from 'node:test'
import { type SourceFile, sourceFiles } from '../support/sources.ts'

const fileLinesMax = 350
const functionLinesMax = 100
const files = sourceFiles(
  ['src', 'dev', 'bench', 'test', 'scripts', 'lua'],
  ['.ts', '.mjs', '.lua'],
)

/** A function or method that opens on one line; the formatter closes it at the same indentation. */
const opening =
  /^(\s*)(?:export )?(?:async )?(?:function\*? (\w+)|(?:const|let) (\w+) = (?:async )?\([^=]*=>|(?:(?:static|async|get|set|override) )*(#?\w+)\().*\{$/
const keywords = new Set(['if', 'for', 'while', 'switch', 'catch', 'test', 'describe', 'suite'])

function longFunctions({ path, text }: SourceFile): string[] {
  const lines = text.split('\n')
  return lines.flatMap((line, start) => {
    const [, indent = '', ...names] = opening.exec(line) ?? []
    const name = names.find((each) => each !== undefined)
    if (name === undefined || keywords.has(name)) return []
    const length = lines.slice(start).indexOf(`${indent}}`) + 1
    return length > functionLinesMax ? [`${path}:${start + 1}: ${name} has ${length} lines`] : []
  })
}

test(`no file has more than ${fileLinesMax} lines`, () => {
  const long = files
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > fileLinesMax)
  assert.deepEqual(long, [])
})

test(`no function has more than ${functionLinesMax} lines`, () => {
  assert.deepEqual(files.filter(({ path }) => path.endsWith('.ts')).flatMap(longFunctions), [])
})
