/** Fifty searches a second, each with two filters and with facets, in a shop of 20,000 products. */

import { prepareBigShop, readPage } from '../ground/big-shop.ts'
import type { Scenario } from '../ground/context.ts'
import { fromLoad } from '../ground/results.ts'
import { noLatency } from '../load/latency.ts'

const ratePerSecond = 50
const typed = ['rain jacket', 'headphones', 'oak', 'leather', 'walnut speaker', 'shrit', 'nordic']
const colors = ['red', 'black', 'green', 'navy', 'blue']
const prices = [2_500, 5_000, 10_000, 20_000]

/** Pairs of everything that can be asked for; no two alike, so that few counts are remembered. */
function queriesOf(categories: readonly string[]): string[] {
  const queries: string[] = []
  for (const [i, category] of categories.entries()) {
    const color = colors[i % colors.length]
    const price = prices[i % prices.length] as number
    queries.push(
      `category=${category}&option.color=${color}`,
      `category=${category}&minPrice=${price}&sort=price_asc`,
      `category=${category}&maxPrice=${price}&sort=price_desc`,
      `category=${category}&inStock=true`,
    )
  }
  for (const [i, q] of typed.entries()) {
    const text = `q=${encodeURIComponent(q)}`
    queries.push(
      `${text}&category=${categories[i % categories.length]}`,
      `${text}&option.color=${colors[i % colors.length]}`,
      `${text}&inStock=true`,
      `${text}&maxPrice=${prices[i % prices.length]}`,
    )
  }
  for (const color of colors) queries.push(`option.color=${color}&option.size=M`)
  return queries
}

export const search: Scenario = async (context) => {
  const { options } = context
  await prepareBigShop(context)
  const { items } = await readPage(context, '/api/products?limit=100')
  const categories = [...new Set(items.map(({ category }) => encodeURIComponent(category)))]
  const job = {
    kind: 'reads',
    path: '/',
    paths: queriesOf(categories).map((query) => `/api/products?${query}`),
    tokens: [],
    body: '',
    headers: {},
    connections: options.connections,
    ratePerSecond,
  } as const
  await context.load('search, warm-up', { ...job, durationMs: 2_000 })
  const load = await context.load(`search at ${ratePerSecond}/s`, {
    ...job,
    durationMs: options.durationSeconds * 1_000,
  })
  return {
    ...fromLoad(load, options.connections),
    figures: {
      ratePerSecond,
      queries: job.paths.length,
      generatorLatenessP99Ms: (load.latenessMs ?? noLatency).p99,
    },
  }
}
