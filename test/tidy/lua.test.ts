// Lua scripts are held to the header grammar of lua/README.md, and headers to the wrappers that call the
// scripts: names in the same order, and every reply returned by the one and decoded by the other.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as cartScripts from '../../src/cart/cart-scripts.ts'
import * as cacheScripts from '../../src/catalogue/cache-scripts.ts'
import * as budgetScripts from '../../src/payments/budget/budget-scripts.ts'
import { loadScript } from '../../src/platform/redis/script.ts'
import * as gateScripts from '../../src/stock/gate/scripts.ts'
import { type SourceFile, sourceFiles } from '../support/sources.ts'

const bodyLinesMax = 90

interface Script {
  readonly name: string
  readonly header: readonly string[]
  /** Below the header, includes left out. */
  readonly body: readonly string[]
}

const files = sourceFiles(['lua'], ['.lua'])
const nameOf = ({ path }: SourceFile) => path.slice('lua/'.length, -'.lua'.length)
const scripts = files.filter(({ path }) => !path.startsWith('lua/lib/')).map(parse)
const contracts = Object.values({
  ...gateScripts,
  ...cartScripts,
  ...cacheScripts,
  ...budgetScripts,
}).flatMap((value) => (typeof value === 'function' && 'contract' in value ? [value.contract] : []))

function parse(file: SourceFile): Script {
  const lines = file.text.trimEnd().split('\n')
  const end = lines.findIndex((line) => !line.startsWith('--'))
  return {
    name: nameOf(file),
    header: lines.slice(0, end).filter((line) => !line.startsWith('---')),
    body: lines.slice(end),
  }
}

/** The lines of one part of a header, without their indentation; deeper ones are explanations. */
function section({ header }: Script, title: string): string[] {
  const start = header.findIndex((line) => line.startsWith(`-- ${title} `))
  if (start < 0) return []
  const rest = header.slice(start + 1)
  const next = rest.findIndex((line) => /^-- [A-Z]+ /.test(line) || !line.startsWith('--        '))
  return [header[start] as string, ...rest.slice(0, next < 0 ? undefined : next)]
    .map((line) => line.slice('-- REPLY  '.length))
    .filter((line) => line !== '' && !line.startsWith(' '))
}

const firstWords = (lines: readonly string[]) =>
  lines.map((line) => line.split(/[ ;]/)[0] as string)

/** The names that the prologue gives to `KEYS` or `ARGV`, by position; a whole list is left out. */
function named({ body }: Script, list: 'KEYS' | 'ARGV'): string[] {
  const names: string[] = []
  for (const line of prologue(body)) {
    const [, left = '', right = ''] = /^local (.+?) = (.+)$/.exec(line) ?? []
    const variables = left.split(', ')
    right.split(/, (?![^(]*\))/).forEach((value, i) => {
      const position = new RegExp(`^(?:tonumber\\()?${list}\\[(\\d+)\\]\\)?$`).exec(value)?.[1]
      if (position) names[Number(position) - 1] = variables[i] as string
    })
  }
  return names
}

const prologue = (body: readonly string[]) => {
  const end = body.findIndex((line) => !/^local [\w, ]+ = .*\b(KEYS|ARGV)\b/.test(line))
  return body.slice(0, end < 0 ? undefined : end)
}

const returned = ({ body }: Script) => {
  const tags = body.join('\n').matchAll(/(?:return|local reply =) \{ '(\w+)'/g)
  return [...new Set(Array.from(tags, ([, tag]) => tag as string))]
}

test('every script has a wrapper, and every wrapper a script', () => {
  assert.deepEqual(contracts.map(({ file }) => file).sort(), scripts.map(({ name }) => name).sort())
})

for (const script of scripts) {
  test(`${script.name} keeps to the grammar of its header`, () => {
    const contract = contracts.find(({ file }) => file === script.name)
    assert.ok(contract)
    const short = script.name.split('/')[1]
    assert.match(script.header[0] ?? '', new RegExp(`^-- ${short}: .+\\.$`))
    assert.equal(section(script, 'COST').length, 1, 'COST is one line')

    const keys = firstWords(section(script, 'KEYS'))
    assert.deepEqual(keys, contract.keys, 'KEYS of the header and of the wrapper')
    assert.deepEqual(named(script, 'KEYS'), keys, 'KEYS of the header and of the prologue')

    const args = firstWords(section(script, 'ARGV')).filter((name) => name !== '…')
    assert.deepEqual(args, contract.args, 'ARGV of the header and of the wrapper')
    assert.deepEqual(named(script, 'ARGV'), args, 'ARGV of the header and of the prologue')

    const tags = firstWords(section(script, 'REPLY'))
    assert.deepEqual(tags, Object.keys(contract.reply), 'REPLY of the header and of the wrapper')
    assert.deepEqual(
      returned(script).sort(),
      [...tags].sort(),
      'REPLY of the header and of the body',
    )
  })
}

test('positions get their names right below the header, and are used nowhere else', () => {
  const below = scripts.flatMap(({ name, body }) =>
    body
      .slice(prologue(body).length)
      .filter((line) => /\b(KEYS|ARGV)\b/.test(line))
      .map((line) => `${name}: ${line.trim()}`),
  )
  assert.deepEqual(below, [])
})

test('included functions take all they use', () => {
  const breaches = files
    .filter(({ path }) => path.startsWith('lua/lib/'))
    .filter(({ text }) => /\b(KEYS|ARGV)\b/.test(text) || !/^local function \w+/m.test(text))
  assert.deepEqual(breaches.map(nameOf), [])
})

test('includes are found and go one way', () => {
  for (const { name } of scripts) assert.ok(loadScript(name).length > 0)
})

test('every included function is used, and every used one included', () => {
  const functions = new Map(
    files.flatMap((file) => {
      const name = /^local function (\w+)/m.exec(file.text)?.[1]
      return file.path.startsWith('lua/lib/') && name ? [[nameOf(file), name] as const] : []
    }),
  )
  for (const { path, text } of files) {
    const included = Array.from(
      text.matchAll(/^--- @include (\S+)$/gm),
      ([, name]) => name as string,
    )
    const used = [...functions]
      .filter(([name]) => `lua/${name}.lua` !== path)
      .filter(([, fn]) => new RegExp(`\\b${fn}\\(`).test(text))
      .map(([name]) => name)
    assert.deepEqual(included.sort(), used.sort(), path)
  }
})

test(`no script has more than ${bodyLinesMax} lines below its header`, () => {
  const long = scripts
    .map(({ name, body }) => ({ name, lines: body.length }))
    .filter(({ lines }) => lines > bodyLinesMax)
  assert.deepEqual(long, [])
})
