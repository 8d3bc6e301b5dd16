/** `npm run soak`: purchases with random cards while everything fails that can, and then who has whose money. */
import '../src/config/node-version.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { seededRandom } from '../src/kernel/random.ts'
import { UsageError } from '../src/system/command-line.ts'
import { ownGround } from './ground/ground.ts'
import { type BenchOptions, parseOptions } from './ground/options.ts'
import { createProgress } from './ground/progress.ts'
import { createSku, openGate } from './ground/stock.ts'
import { refundAtProvider } from './soak/foreign-refunds.ts'
import { parseSoak, type SoakOptions, usage } from './soak/options.ts'
import { buy, planPurchase } from './soak/purchase.ts'
import { clearUp, makeTrouble, misbehave, scriptAt } from './soak/trouble.ts'
import { judgeSoak, untilQuiet } from './soak/verdict.ts'

const parallel = 24
const lostEvents = 250
/** Holds end during the run, and all buyers have one address: the brake on declined cards would stop them. */
const shopSettings = {
  ...{ HOLD_SECONDS: '30', SWEEP_SECONDS: '2', STOCK_STRATEGY: 'actor', DECLINES_PER_HOUR: '0' },
}
const sku = 'SOAK-1'

async function soak(options: SoakOptions, signal: AbortSignal): Promise<number> {
  const progress = createProgress(process.stdout)
  const { purchases, seed } = options
  progress.say(`seed ${seed}: ${purchases} purchases`)
  const stock = ['--stock', String(purchases)]
  const ground = await ownGround(parseOptions(stock) as BenchOptions, progress, signal)
  try {
    const { access, servers } = ground
    if (!access || !servers) throw new Error('soak: needs servers and stores of its own')
    const settings = { ...ground.settings, ...shopSettings }
    await servers.start(settings)
    await createSku(access.pool, access.sellerId, sku, purchases)
    await openGate(access.redis, sku, signal)
    const random = seededRandom(seed)
    const script = scriptAt(servers.stripeUrl)
    const tokens = ground.buyers.tokens()
    const plans = Array.from({ length: purchases }, () => planPurchase(random))
    const ends: Record<string, number> = {}
    let next = 0
    let done = 0
    const one = async () => {
      for (let i = next++; i < purchases; i = next++) {
        if (i === Math.floor(purchases / 3)) {
          await misbehave(script, { dropNext: lostEvents })
        }
        const token = tokens[i % tokens.length] as string
        const plan = plans[i] as (typeof plans)[number]
        const end = (await buy(plan, { api: servers.url, token, sku, signal, script })) ?? 'unknown'
        ends[end] = (ends[end] ?? 0) + 1
        progress.update(`${++done} of ${purchases} purchases`)
      }
    }
    const buying = Promise.all(Array.from({ length: parallel }, one))
    const say = (sentence: string) => progress.update(sentence)
    const trouble = makeTrouble(
      { servers, settings, script, random: seededRandom(seed + 1), signal, say },
      () => done >= purchases,
    )
    await buying
    const counts = await trouble
    progress.say(`as buyers saw it: ${JSON.stringify(ends)}`)
    progress.say(`trouble: ${JSON.stringify(counts)}`)
    await refundAtProvider(access.pool, script, options.foreignRefunds)
    await clearUp(script)
    // A worker that starts walks over the events.
    await servers.stopWorker()
    servers.startWorker({ ...settings, ...servers.addresses })
    if (!(await untilQuiet(access, progress, signal))) progress.say('some work is still open')
    return await judgeSoak({ access, servers, settings, progress })
  } finally {
    progress.clear()
    await ground.stop()
  }
}

async function main(words: readonly string[]): Promise<number> {
  const options = parseSoak(words, systemClock.now())
  if (options === 'help') {
    process.stdout.write(`${usage}\n`)
    return 0
  }
  const stopping = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => stopping.abort(new Error('interrupted')))
  }
  try {
    return await soak(options, stopping.signal)
  } catch (error) {
    if (!stopping.signal.aborted) throw error
    return 130
  }
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`soak: ${error instanceof Error ? error.message : String(error)}\n`)
  return error instanceof UsageError ? 2 : 1
})
process.exit()
