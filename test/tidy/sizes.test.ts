// Files and functions stay small enough to be read at once. Lines are counted in the formatted text.
import assert from 'node:assert/strict'
import test from 'node:test'
import { type SourceFile, sourceFiles } from '../support/sources.ts'

const fileLinesMax = 350
const functionLinesMax = 70
const files = sourceFiles(
  ['src', 'dev', 'bench', 'test', 'scripts', 'lua'],
  ['.ts', '.mjs', '.lua'],
)

/** Longer ones, by file and name, each with the reason. */
const longerOnes: Readonly<Record<string, string>> = {
  'src/flows/pay/place-order.ts createPlaceOrder':
    'the steps of one purchase and what undoes each, read from top to bottom',
  'src/stock/ledger/evidence.ts loadEvidence':
    'one statement for each kind of evidence, all sent in one round trip',
  'test/integration/actor/sessions-contract.ts sessionsContract': 'a suite, declared in a function',
  'test/support/gate.ts buildGate': 'an object of one-line verbs',
  'test/support/orders.ts startOrderSystem': 'an object of one-line verbs',
}

/** A function or method: its first line, up to the body or into a signature of several lines. */
const opening =
  /^(\s*)(?:export )?(?:async )?(?:function\*? (\w+)|(?:const|let) (\w+) = (?:async )?\([^=]*=>|(?:(?:static|async|get|set|override) )*(#?\w+)\().*[{(]$/
const keywords = new Set(['if', 'for', 'while', 'switch', 'catch', 'test', 'describe', 'suite'])

/** Where the formatter closes what opens at `start`, at the same indentation; -1 when it is no function. */
function closingLine(lines: readonly string[], start: number, indent: string): number {
  const closed = (from: number) =>
    lines.findIndex(
      (line, at) =>
        at > from && line.startsWith(indent) && /^[)}\]]/.test(line.slice(indent.length)),
    )
  let end = closed(start)
  // The end of a signature is where its body begins.
  while (end >= 0 && /^\s*[)}].*\{$/.test(lines[end] ?? '')) end = closed(end)
  return lines[end] === `${indent}}` ? end : -1
}

function longFunctions({ path, text }: SourceFile): { what: string; lines: number }[] {
  const lines = text.split('\n')
  return lines.flatMap((line, start) => {
    const [, indent = '', ...names] = opening.exec(line) ?? []
    const name = names.find((each) => each !== undefined)
    if (name === undefined || keywords.has(name)) return []
    const length = closingLine(lines, start, indent) - start + 1
    return length > functionLinesMax ? [{ what: `${path} ${name}`, lines: length }] : []
  })
}

test(`no file has more than ${fileLinesMax} lines`, () => {
  const long = files
    .map(({ path, text }) => ({ path, lines: text.trimEnd().split('\n').length }))
    .filter(({ lines }) => lines > fileLinesMax)
  assert.deepEqual(long, [])
})

test(`no function has more than ${functionLinesMax} lines, but for those that are listed`, () => {
  const long = files.filter(({ path }) => path.endsWith('.ts')).flatMap(longFunctions)
  assert.deepEqual(
    long.filter(({ what }) => longerOnes[what] === undefined),
    [],
  )
  const stillLong = new Set(long.map(({ what }) => what))
  assert.deepEqual(
    Object.keys(longerOnes).filter((what) => !stillLong.has(what)),
    [],
  )
})
