// Imports run downwards only, domains are strangers to each other, and nothing goes in circles. Read from the
// import statements of every file, those that only import types included.
import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import test from 'node:test'
import { type Import, importsOf, sourceFiles } from '../support/sources.ts'

/** From the bottom up. Folders of one layer do not know each other. */
const layers: readonly (readonly string[])[] = [
  ['src/kernel'],
  ['src/config'],
  ['src/platform'],
  ['src/actor', 'src/audit'],
  [
    'src/identity',
    'src/catalogue',
    'src/cart',
    'src/orders',
    'src/payments',
    'src/fulfilment',
    'src/images',
    'src/notifications',
    'src/stock/protocol',
  ],
  ['src/stock/decide'],
  ['src/stock/ports.ts', 'src/stock/survey.ts'],
  ['src/stock/ledger', 'src/stock/gate'],
  ['src/stock/owner'],
  ['src/stock/direct'],
  ['src/flows/reserve'],
  ['src/flows/pay'],
  ['src/flows/sell', 'src/flows/browse'],
  ['src/flows/account'],
  ['src/http', 'src/jobs', 'src/ops'],
  ['src/system'],
  ['src/main.ts'],
  // The payment simulator stands beside the shop: it knows no domain, and only launchers know it.
  ['dev/simulator'],
  ['dev'],
  ['bench'],
]
/** What the payment simulator may know of the service. */
const simulatorKnows = ['src/kernel', 'src/config', 'src/platform']

const files = sourceFiles(['src', 'dev', 'bench'])
const imports = files.flatMap(importsOf)
const inside = imports.filter(({ to }) => /^(src|dev|bench)\//.test(to))

const within = (path: string, room: string) => path === room || path.startsWith(`${room}/`)
const ranks = layers.flatMap((rooms, rank) => rooms.map((room) => ({ room, rank })))
/** The innermost room that a file is in. */
const roomOf = (path: string) =>
  ranks
    .filter(({ room }) => within(path, room))
    .toSorted((a, b) => b.room.length - a.room.length)[0]
const shown = ({ from, to }: Import) => `${from} imports ${to}`

test('every file has a layer', () => {
  const strangers = files.filter(({ path }) => roomOf(path) === undefined).map(({ path }) => path)
  assert.deepEqual(strangers, [])
})

test('imports run downwards only', () => {
  const upwards = inside.filter(({ from, to }) => {
    const [above, below] = [roomOf(from), roomOf(to)]
    return above && below && above.room !== below.room && below.rank >= above.rank
  })
  assert.deepEqual(upwards.map(shown), [])
})

test('the payment simulator knows nothing of the shop', () => {
  const known = inside.filter(
    ({ from, to }) =>
      within(from, 'dev/simulator') &&
      !within(to, 'dev/simulator') &&
      !simulatorKnows.some((room) => within(to, room)),
  )
  assert.deepEqual(known.map(shown), [])
})

test('src imports nothing from outside of src', () => {
  const outside = imports.filter(
    ({ from, to }) => within(from, 'src') && to.endsWith('.ts') && !within(to, 'src'),
  )
  assert.deepEqual(outside.map(shown), [])
})

test('gate, owner and direct commands know their stores by the ports alone', () => {
  const stores = /^(pg|ioredis|slonik)$|^src\/platform\/(postgres|redis)\//
  const behindPorts = /^src\/stock\/(ledger\/|gate\/(redis-[a-z]+|scripts)\.ts)/
  const known = imports.filter(
    ({ from, to }) =>
      within(from, 'src/stock') &&
      !behindPorts.test(from) &&
      (stores.test(to) || behindPorts.test(to)),
  )
  assert.deepEqual(known.map(shown), [])
})

test('every import of a file of ours names a file that exists', () => {
  const known = new Set(files.map(({ path }) => path))
  assert.deepEqual(inside.filter(({ to }) => !known.has(to)).map(shown), [])
})

test('no file imports itself by way of others', () => {
  assert.deepEqual(circlesOf(inside.map(({ from, to }) => [from, to])), [])
})

test('no folder imports itself by way of others', () => {
  const arrows = inside.map(({ from, to }): [string, string] => [dirname(from), dirname(to)])
  assert.deepEqual(circlesOf(arrows.filter(([from, to]) => from !== to)), [])
})

function circlesOf(arrows: readonly (readonly [string, string])[]): string[] {
  const next = Map.groupBy(arrows, ([from]) => from)
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (place: string, trail: readonly string[]) => {
    const at = trail.indexOf(place)
    if (at >= 0) circles.push([...trail.slice(at), place].join(' > '))
    if (at >= 0 || done.has(place)) return
    for (const [, to] of next.get(place) ?? []) visit(to, [...trail, place])
    done.add(place)
  }
  for (const place of next.keys()) visit(place, [])
  return circles
}
