/** `npm run seed`: the demo shop; with `--products`, a made-up one of that size beside it. */
import type { DatabasePool } from 'slonik'
import { loadConfig } from '../src/config/config.ts'
import { openImageStore } from '../src/images/open-store.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { openPool } from '../src/platform/postgres/pool.ts'
import { complain, say } from '../src/system/run-role.ts'
import { addDemoPictures, addMadeUpPictures } from './demo-pictures.ts'
import { demoPictures, seedDemoShop } from './demo-shop.ts'
import { seedOptions } from './seed-options.ts'
import { seedShop } from './seed-shop.ts'
import { withStores } from './with-stores.ts'

/** Fills the database that the settings name, else the one of DATA_DIR. @throws UsageError, ConfigError. */
export async function seed(args: readonly string[]): Promise<undefined> {
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
