/** Lends the stores of a system, running or stopped, to a tool. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, ConfigError } from '../src/config/config.ts'
import type { StoreUrls } from '../src/system/verify.ts'
import { isAlive } from './processes.ts'
import { readRuntime } from './runtime-file.ts'
import { startServices } from './services.ts'

/**
 * Calls `use` with the stores that the settings name, else with those that run on DATA_DIR, else with
 * those of DATA_DIR started for as long as `use` takes.
 * @throws ConfigError when DATA_DIR holds no system, or only one of the two URLs is set.
 */
export async function withStores<T>(
  config: Pick<Config, 'DATABASE_URL' | 'REDIS_URL' | 'DATA_DIR'>,
  log: (line: string) => void,
  use: (urls: StoreUrls) => Promise<T>,
): Promise<T> {
  const { DATABASE_URL, REDIS_URL, DATA_DIR } = config
  const noted = readRuntime(DATA_DIR)
  const running = noted?.processes.some(({ pid }) => isAlive(pid)) ? noted : undefined
  if (DATABASE_URL && REDIS_URL) {
    const { sweepSeconds, stripeUrl } =
      running?.databaseUrl === DATABASE_URL ? running : ({} as Partial<StoreUrls>)
    return use({ databaseUrl: DATABASE_URL, redisUrl: REDIS_URL, sweepSeconds, stripeUrl })
  }
  if (running) return use(running)
  if (DATABASE_URL) throw new ConfigError('REDIS_URL: is not set, but DATABASE_URL is')
  if (REDIS_URL) throw new ConfigError('DATABASE_URL: is not set, but REDIS_URL is')
  if (!existsSync(join(DATA_DIR, 'postgres', 'data'))) {
    throw new ConfigError(`DATA_DIR: ${DATA_DIR} holds no system; set DATABASE_URL and REDIS_URL`)
  }
  const services = await startServices({ dataDir: DATA_DIR, log })
  try {
    return await use(services)
  } finally {
    await services.stop()
  }
}
