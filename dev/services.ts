/** Both stores as private servers in one data folder. */
import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { lockDataDir } from './data-lock.ts'
import { type PostgresHandle, startPostgres } from './embedded-postgres.ts'
import { type RedisHandle, startRedis } from './embedded-redis.ts'

export interface ServicesOptions {
  /** Made when missing; kept at the end. One launcher at a time. */
  readonly dataDir: string
  readonly log: (line: string) => void
  /** Left out: both. A store that runs elsewhere is not started; its URL is then empty. */
  readonly only?: readonly ('postgres' | 'redis')[]
  /** `durable: false` only for stores that are thrown away. */
  readonly postgres?: { readonly port?: number; readonly durable?: boolean }
  readonly redis?: { readonly port?: number; readonly args?: readonly string[] }
  /** Called when the folder is ours and before a server starts; its error ends the start. */
  readonly onLocked?: () => Promise<void>
}

export interface ServiceProcess {
  readonly role: 'postgres' | 'redis'
  readonly pid: number
}

export interface Services {
  readonly databaseUrl: string
  readonly redisUrl: string
  readonly postgres: PostgresHandle | undefined
  readonly redis: RedisHandle | undefined
  /** Those that run at this moment. */
  readonly processes: ServiceProcess[]
  /** Ends both, by force where they do not obey, and gives the data folder back. */
  stop(): Promise<void>
}

/**
 * Starts PostgreSQL and Redis on free ports of 127.0.0.1 with their data in `dataDir`.
 * @throws DataDirInUse when another launcher holds the folder; Error when a server does not come up.
 */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { log, only = ['postgres', 'redis'] } = options
  mkdirSync(options.dataDir, { recursive: true })
  const dataDir = realpathSync(options.dataDir)
  const unlock = lockDataDir(dataDir)
  try {
    await options.onLocked?.()
  } catch (error) {
    unlock()
    throw error
  }
  const [postgres, redis] = await Promise.allSettled([
    only.includes('postgres')
      ? startPostgres({ ...options.postgres, dir: join(dataDir, 'postgres'), log })
      : undefined,
    only.includes('redis')
      ? startRedis({ ...options.redis, dir: join(dataDir, 'redis'), log })
      : undefined,
  ])
  const started = new StartedServices(fulfilled(postgres), fulfilled(redis), unlock)
  const failed = [postgres, redis].find((outcome) => outcome.status === 'rejected')
  if (failed) {
    await started.stop()
    throw failed.reason
  }
  return started
}

class StartedServices implements Services {
  readonly postgres: PostgresHandle | undefined
  readonly redis: RedisHandle | undefined
  readonly #unlock: () => void

  constructor(
    postgres: PostgresHandle | undefined,
    redis: RedisHandle | undefined,
    unlock: () => void,
  ) {
    this.postgres = postgres
    this.redis = redis
    this.#unlock = unlock
  }

  get databaseUrl(): string {
    return this.postgres?.url ?? ''
  }

  get redisUrl(): string {
    return this.redis?.url ?? ''
  }

  get processes(): ServiceProcess[] {
    const all: ServiceProcess[] = []
    if (this.postgres?.running) all.push({ role: 'postgres', pid: this.postgres.pid })
    if (this.redis?.running) all.push({ role: 'redis', pid: this.redis.pid })
    return all
  }

  async stop(): Promise<void> {
    const ends = await Promise.allSettled([this.redis?.stop(), this.postgres?.stop()])
    this.#unlock()
    const failed = ends.find((outcome) => outcome.status === 'rejected')
    if (failed) throw failed.reason
  }
}

function fulfilled<T>(outcome: PromiseSettledResult<T>): T | undefined {
  return outcome.status === 'fulfilled' ? outcome.value : undefined
}
