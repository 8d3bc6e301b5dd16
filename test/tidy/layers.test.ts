// Imports run downwards only, domains are strangers to each other, and nothing goes in circles. Read
// from the import statements of every file in src.
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Import, importsOf, sourceFiles } from '../support/sources.ts'

/** From the bottom up. Folders of one layer do not know each other. */
const layers: readonly (readonly string[])[] = [
  ['kernel'],
  ['config.ts', 'node-version.ts'],
  ['platform'],
  ['actor', 'audit'],
  // The payment simulator stands beside the shop: it knows no domain, and only launchers know it.
  [
    'identity',
    'catalogue',
    'cart',
    'stock',
    'orders',
    'payments',
    'fulfilment',
    'images',
    'notifications',
    'simulator',
  ],
  ['checkout'],
  ['http', 'jobs', 'ops'],
  ['system', 'dev', 'main.ts'],
]
const top = layers.length - 1
const files = sourceFiles(['src'])
const inside = files.flatMap(importsOf).filter(({ to }) => to.startsWith('src/'))

const folderOf = (path: string) => path.split('/')[1] ?? ''
const rankOf = (path: string) => layers.findIndex((layer) => layer.includes(folderOf(path)))
const shown = ({ from, to }: Import) => `${from} imports ${to}`

test('every folder of src has a layer', () => {
  const strangers = files.filter(({ path }) => rankOf(path) < 0).map(({ path }) => path)
  assert.deepEqual(strangers, [])
})

test('imports run downwards only', () => {
  const upwards = inside.filter(({ from, to }) => {
    if (folderOf(from) === folderOf(to)) return false
    return rankOf(from) === top ? rankOf(to) > top : rankOf(to) >= rankOf(from)
  })
  assert.deepEqual(upwards.map(shown), [])
})

test('src imports nothing from tests, benchmarks or scripts', () => {
  const outside = files
    .flatMap(importsOf)
    .filter(({ to }) => to.endsWith('.ts') && !to.startsWith('src/'))
  assert.deepEqual(outside.map(shown), [])
})

test('every import of a file of ours names a file that exists', () => {
  const known = new Set(files.map(({ path }) => path))
  assert.deepEqual(inside.filter(({ to }) => !known.has(to)).map(shown), [])
})

test('no file imports itself by way of others', () => {
  const next = Map.groupBy(
    inside.filter(({ typeOnly }) => !typeOnly),
    ({ from }) => from,
  )
  const done = new Set<string>()
  const circles: string[] = []
  const visit = (path: string, trail: readonly string[]) => {
    const at = trail.indexOf(path)
    if (at >= 0) circles.push([...trail.slice(at), path].join(' > '))
    if (at >= 0 || done.has(path)) return
    for (const { to } of next.get(path) ?? []) visit(to, [...trail, path])
    done.add(path)
  }
  for (const { path } of files) visit(path, [])
  assert.deepEqual(circles, [])
})
