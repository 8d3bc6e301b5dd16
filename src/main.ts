/** One program, one role a process: `node src/main.ts api | worker | stripe | migrate | seed`. */
import './config/node-version.ts'
import type { DatabasePool } from 'slonik'
import { addDemoPictures, addMadeUpPictures } from '../dev/demo-pictures.ts'
import { demoPictures, seedDemoShop } from '../dev/demo-shop.ts'
import { seedOptions } from '../dev/seed-options.ts'
import { seedShop } from '../dev/seed-shop.ts'
import { JournalDamaged } from '../dev/simulator/journal.ts'
import { SimulatorRefused, startSimulator } from '../dev/simulator/start-simulator.ts'
import { simulatorOptions } from '../dev/simulator-options.ts'
import { UsageError } from '../dev/usage-error.ts'
import { withStores } from '../dev/with-stores.ts'
import { ConfigError, loadConfig, requireStores } from './config/config.ts'
import { openImageStore } from './images/open-store.ts'
import { systemClock } from './kernel/clock.ts'
import { MigrationRefused, migrate } from './platform/postgres/migrate.ts'
import { openPool } from './platform/postgres/pool.ts'
import { startApi } from './system/api.ts'
import { startWorker } from './system/worker.ts'

const stopMs = 10_000
const usage = 'usage: node src/main.ts api | worker | stripe | migrate | seed'

const roles: Record<string, (args: string[]) => Promise<void>> = {
  api: () => serve(() => startApi(requireStores(loadConfig()))),
  worker: () => serve(() => startWorker(requireStores(loadConfig()))),
  stripe: () => serve(() => startSimulator(simulatorOptions(loadConfig()))),
  migrate: async () => {
    const { DATABASE_URL } = databaseSettings()
    const applied = await migrate(DATABASE_URL, say)
    if (applied.length === 0) say('the database is up to date')
  },
  seed,
}

async function main([role = '', ...args]: string[]): Promise<void> {
  const run = roles[role]
  if (!run) throw new UsageError(usage)
  await run(args)
}

/** Runs until SIGTERM or SIGINT; a second one, or ten seconds, end the process at once. */
async function serve(start: () => Promise<{ stop(): Promise<void> }>): Promise<void> {
  const stopping = new AbortController()
  const askToStop = () => (stopping.signal.aborted ? process.exit(1) : stopping.abort())
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, askToStop)
  const running = await start()
  while (!stopping.signal.aborted) await systemClock.sleep(3_600_000, stopping.signal)
  const overdue = systemClock.sleep(stopMs).then(() => 'overdue' as const)
  if ((await Promise.race([running.stop(), overdue])) === 'overdue') {
    throw new Error(`not stopped within ${stopMs / 1000} s: ending at once`)
  }
}

/** The demo shop; with `--products`, a made-up one of that size beside it. */
async function seed(args: string[]): Promise<void> {
  const { products, seed: number } = seedOptions(args)
  const config = loadConfig()
  const fill = (databaseUrl: string) =>
    withPool(databaseUrl, async (pool) => {
      const { store } = await openImageStore(config, systemClock)
      if (products !== undefined) {
        await seedShop(pool, { products, seed: number, say })
        say(`added ${await addMadeUpPictures(pool, store)} pictures`)
        return
      }
      await seedDemoShop(pool)
      await addDemoPictures(pool, store, demoPictures)
      say('seeded the demo shop')
    })
  if (config.DATABASE_URL) await fill(config.DATABASE_URL)
  else await withStores(config, say, ({ databaseUrl }) => fill(databaseUrl))
}

async function withPool(
  databaseUrl: string,
  use: (pool: DatabasePool) => Promise<void>,
): Promise<void> {
  const pool = await openPool(databaseUrl, {
    max: 4,
    statementTimeoutMs: 60_000,
    onError: (error) => complain(error.message),
  })
  try {
    await use(pool)
  } finally {
    await pool.end()
  }
}

function databaseSettings(): { DATABASE_URL: string } {
  const { DATABASE_URL } = loadConfig()
  if (!DATABASE_URL) throw new ConfigError('DATABASE_URL: is not set')
  return { DATABASE_URL }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}

function complain(line: string): void {
  process.stderr.write(`${line}\n`)
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

main(process.argv.slice(2)).then(
  () => process.exit(0),
  (error: unknown) => {
    const expected = [
      ConfigError,
      UsageError,
      MigrationRefused,
      SimulatorRefused,
      JournalDamaged,
    ].some((kind) => error instanceof kind)
    complain(
      expected ? messageOf(error) : error instanceof Error ? `${error.stack}` : String(error),
    )
    process.exit(1)
  },
)
