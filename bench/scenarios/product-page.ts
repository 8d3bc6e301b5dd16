/** Pages of two hundred products as fast as they are answered, between two runs of a bare GET. */

import { prepareBigShop, readPage } from '../ground/big-shop.ts'
import type { BenchContext, Scenario } from '../ground/context.ts'
import { fromLoad, perSecond, round } from '../ground/results.ts'

const pagesWanted = 200
const bareSecondsMax = 4

export const productPage: Scenario = async (context) => {
  const { options } = context
  await prepareBigShop(context)
  const paths: string[] = []
  let cursor: string | null = ''
  while (paths.length < pagesWanted && cursor !== null) {
    const page = await readPage(context, `/api/products?facets=false&limit=100${cursor}`)
    paths.push(...page.items.map(({ id }) => `/api/products/${id}`))
    cursor = page.nextCursor && `&cursor=${page.nextCursor}`
  }
  const seconds = options.durationSeconds
  // Code that has not run yet is slow, and what is not kept yet is no page from the cache.
  await reads(context, 'product-page, warm-up', paths, Math.min(2, seconds))
  const before = await bareGet(context)
  const load = await reads(context, 'product-page', paths, seconds)
  const after = await bareGet(context)
  return {
    ...fromLoad(load, options.connections),
    figures: { products: paths.length, bareGetPerSecond: round((before + after) / 2, 1) },
  }
}

async function bareGet(context: BenchContext): Promise<number> {
  const seconds = Math.min(bareSecondsMax, context.options.durationSeconds)
  const load = await reads(context, 'bare GET', ['/api/bench/baseline'], seconds)
  return perSecond(load.requests, load.seconds)
}

function reads(context: BenchContext, what: string, paths: readonly string[], seconds: number) {
  return context.load(what, {
    kind: 'reads',
    path: '/',
    paths,
    tokens: [],
    body: '',
    headers: {},
    connections: context.options.connections,
    durationMs: seconds * 1_000,
  })
}
