/** `npm run recommendations`: how good recommendations are on histories whose structure is known. */
import '../src/config/node-version.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { openPool } from '../src/platform/postgres/pool.ts'
import { startTestCluster, templateDatabase } from '../test/cluster.ts'
import { makeHistory, measurePrecision, storeHistory } from './ground/purchase-history.ts'

const seed = 7
const products = 600
const histories = [500, 2_000, 8_000, 32_000] as const
const say = (line: string) => process.stdout.write(`${line}\n`)

/** The best possible is 1: each product's set has five others. */
async function main(): Promise<void> {
  say(`precision@5 for ${products} products in sets of six, every second basket with a stranger`)
  say('')
  say('  orders  recommended  popular  ms each')
  for (const orders of histories) {
    // Each on a database of its own: a history is counted once and for ever.
    const cluster = await startTestCluster()
    const url = new URL(cluster.url)
    url.pathname = `/${templateDatabase}`
    const pool = await openPool(url.href, { max: 2, statementTimeoutMs: 60_000, onError: () => {} })
    try {
      const history = makeHistory({ products, orders, seed })
      await storeHistory(pool, history)
      const start = systemClock.monotonic()
      const { recommended, popular } = await measurePrecision(pool, history)
      const each = (systemClock.monotonic() - start) / products
      say(
        `${orders.toLocaleString('en-US').padStart(8)}  ${recommended.toFixed(3).padStart(11)}  ${popular.toFixed(3).padStart(7)}  ${each.toFixed(1).padStart(7)}`,
      )
    } finally {
      await pool.end()
      await cluster.stop()
    }
  }
}

await main()
process.exit()
