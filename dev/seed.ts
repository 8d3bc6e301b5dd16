/** `npm run seed`: the demo shop; with `--products`, a made-up one of that size beside it. */
import type { DatabasePool } from 'slonik'
import { loadConfig } from '../src/config/config.ts'
import { openImageStore } from '../src/images/open-store.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { openPool } from '../src/platform/postgres/pool.ts'
import { complain, type Role, say } from '../src/system/run-role.ts'
import { addDemoPictures, addMadeUpPictures } from './demo-pictures.ts'
import { demoPictures, seedDemoShop } from './demo-shop.ts'
import { type SeedOptions, seedOptions } from './seed-options.ts'
import { seedShop } from './seed-shop.ts'
import { withStores } from './with-stores.ts'

/** Fills the database that the settings name, else the one of DATA_DIR. */
export const seedRole: Role = {
  command: 'npm run seed',
  flags: { products: { type: 'string' }, seed: { type: 'string' } },
  help: `Adds the demo shop to the database at DATABASE_URL, else to the one of DATA_DIR. Safe to run again.

  --products N   adds a made-up shop of N products instead, 1 to 200000
  --seed N       which one, 0 to 999999 (default 1)`,
  run: (line) => seed(seedOptions(line)),
}

async function seed({ products, seed: number }: SeedOptions): Promise<undefined> {
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
