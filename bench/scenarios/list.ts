/** The first page of all products and the page at item 10,000, in turns, from two connections. */

import { prepareBigShop, readPage } from '../ground/big-shop.ts'
import type { BenchContext, Scenario } from '../ground/context.ts'
import { fromLoad, round } from '../ground/results.ts'

const depth = 10_000
const perPage = 100
const connections = 2
/** Turns of each: what else the machine does then falls on both alike. */
const turns = 4

export const productList: Scenario = async (context) => {
  await prepareBigShop(context)
  let cursor: string | null = null
  let items = 0
  while (items < depth) {
    const after: string = cursor === null ? '' : `&cursor=${cursor}`
    const page = await readPage(context, `/api/products?facets=false&limit=${perPage}${after}`)
    items += page.items.length
    if (page.nextCursor === null) break
    cursor = page.nextCursor
  }
  const deep = cursor === null ? '/api/products' : `/api/products?cursor=${cursor}`
  const seconds = context.options.durationSeconds / turns / 2
  let later = await read(context, 'list, warm-up', [deep, '/api/products'], 2)
  const first: number[] = []
  const last: number[] = []
  for (let turn = 0; turn < turns; turn += 1) {
    const early = await read(context, 'list, first page', ['/api/products'], seconds)
    later = await read(context, `list, page at item ${items}`, [deep], seconds)
    first.push(early.latencyMs.p50)
    last.push(later.latencyMs.p50)
  }
  return {
    ...fromLoad(later, connections),
    figures: {
      depth: items,
      firstPageP50Ms: round(mean(first), 3),
      deepPageP50Ms: round(mean(last), 3),
    },
    notes: items < depth ? [`the shop has ${items} products only`] : [],
  }
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length

function read(context: BenchContext, what: string, paths: readonly string[], seconds: number) {
  return context.load(what, {
    kind: 'reads',
    path: '/',
    paths,
    tokens: [],
    body: '',
    headers: {},
    connections,
    durationMs: seconds * 1_000,
  })
}
