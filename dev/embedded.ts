/** The whole service on one machine: both stores, the API, the worker and the payment simulator, kept running. */
import { mkdirSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../src/config/config.ts'
import { openImageStore } from '../src/images/open-store.ts'
import { systemClock } from '../src/kernel/clock.ts'
import { migrate } from '../src/platform/postgres/migrate.ts'
import { openPool } from '../src/platform/postgres/pool.ts'
import { addDemoPictures } from './demo-pictures.ts'
import { demoPictures, seedDemoShop } from './demo-shop.ts'
import { freePort, whyNotFree } from './free-port.ts'
import { keepRunning } from './keep-running.ts'
import { Part } from './part.ts'
import { endLeftoverParts, type PartRole, removeRuntime, writeRuntime } from './runtime-file.ts'
import { type Services, startServices } from './services.ts'

export interface EmbeddedOptions {
  readonly config: Config
  /** What the API and the worker inherit; the stores' addresses are added. */
  readonly env: Readonly<Record<string, string | undefined>>
  readonly log: (line: string) => void
}

/** A start that cannot succeed, in one line for a person. */
export class StartRefused extends Error {
  override name = 'StartRefused'
}

/** For each part that answers over HTTP. */
const upWithinMs = 60_000

export class Embedded {
  readonly dataDir: string
  readonly #options: EmbeddedOptions
  readonly #stopping = new AbortController()
  #starting: Promise<void> | undefined
  #services: Services | undefined
  #api: Part | undefined
  #worker: Part | undefined
  #stripe: Part | undefined
  #port = 0
  #stripePort = 0
  #watches: Promise<void>[] = []

  constructor(options: EmbeddedOptions) {
    this.#options = options
    mkdirSync(options.config.DATA_DIR, { recursive: true })
    this.dataDir = realpathSync(options.config.DATA_DIR)
  }

  get apiUrl(): string {
    const { HOST } = this.#options.config
    const host = ['0.0.0.0', '::'].includes(HOST) ? '127.0.0.1' : HOST
    return `http://${host.includes(':') ? `[${host}]` : host}:${this.#port}`
  }

  /** Whether the stores are private, and so hold the demo shop. */
  get ownDatabase(): boolean {
    return this.#options.config.DATABASE_URL === undefined
  }

  /**
   * Starts everything and resolves when the API is healthy and the simulator answers. @throws StartRefused when
   * the port is taken or the data folder is in use; Error when a part does not come up. Call {@link stop} after
   * either.
   */
  start(): Promise<void> {
    this.#starting = this.#start()
    return this.#starting
  }

  async #start(): Promise<void> {
    const { config, log } = this.#options
    this.#services = await startServices({
      dataDir: this.dataDir,
      log,
      only: [
        ...(config.DATABASE_URL ? [] : (['postgres'] as const)),
        ...(config.REDIS_URL ? [] : (['redis'] as const)),
      ],
      onLocked: async () => {
        await endLeftoverParts(this.dataDir, log)
        await this.#choosePort()
      },
    })
    if (this.#stopping.signal.aborted) return
    await this.#prepareDatabase()
    if (this.#stopping.signal.aborted) return
    await this.#startParts()
    await this.#untilUp('api', () => answersOk(`${this.apiUrl}/health`))
    // It listens later than the API on a busy machine, and a first payment would find nobody.
    if (this.#ownPayments) await this.#untilUp('stripe', () => answers(`${this.stripeUrl}/v1`))
    this.#watch()
  }

  /**
   * Ends everything, the API first and the stores last, and removes the runtime file. A start that is
   * under way is waited for: it sees that it is no longer wanted at its next step.
   */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await settle(this.#starting)
    const ends = [
      await settle(this.#api?.stop()),
      await settle(this.#worker?.stop()),
      await settle(this.#stripe?.stop()),
      await settle(this.#services?.stop()),
      await settle(Promise.all(this.#watches)),
    ]
    if (this.#services) removeRuntime(this.dataDir)
    const failed = ends.find((end) => end !== undefined)
    if (failed) throw failed
  }

  /** Ends everything at once, without waiting. */
  async kill(): Promise<void> {
    this.#stopping.abort()
    await Promise.all([
      this.#api?.kill('SIGKILL'),
      this.#worker?.kill('SIGKILL'),
      this.#stripe?.kill('SIGKILL'),
      this.#services?.redis?.kill('SIGKILL'),
      this.#services?.postgres?.kill('SIGQUIT'),
    ])
    await this.#services?.postgres?.stop()
    removeRuntime(this.dataDir)
  }

  /** Rejects when a part cannot be kept running; otherwise resolves after {@link stop}. */
  async untilStopped(): Promise<void> {
    await Promise.all(this.#watches)
  }

  async #choosePort(): Promise<void> {
    const { PORT, HOST } = this.#options.config
    this.#port = PORT === 0 ? await freePort() : PORT
    const why = await whyNotFree(this.#port, HOST)
    if (why === 'EADDRINUSE') {
      throw new StartRefused(
        `port ${PORT} on ${HOST} is taken: stop what listens there, or set PORT`,
      )
    }
    if (why) throw new StartRefused(`cannot listen on ${HOST}:${PORT} (${why}): set HOST or PORT`)
  }

  async #prepareDatabase(): Promise<void> {
    await migrate(this.#databaseUrl, this.#options.log)
    if (!this.ownDatabase) return
    const pool = await openPool(this.#databaseUrl, {
      max: 4,
      statementTimeoutMs: 60_000,
      onError: () => {},
    })
    try {
      await seedDemoShop(pool)
      const settings = { ...this.#options.config, DATA_DIR: this.dataDir }
      const { store } = await openImageStore(settings, systemClock)
      await addDemoPictures(pool, store, demoPictures)
    } finally {
      await pool.end()
    }
  }

  async #startParts(): Promise<void> {
    const logDir = join(this.dataDir, 'logs')
    mkdirSync(this.#mailDir, { recursive: true })
    if (this.#ownPayments) this.#stripePort = await freePort()
    const env = { ...present(this.#options.env), ...this.#addresses() }
    this.#api = new Part({ role: 'api', env, logDir })
    this.#worker = new Part({ role: 'worker', env, logDir })
    if (this.#ownPayments) {
      // Its webhooks come to the API on this machine, whatever the shop is called from outside.
      this.#stripe = new Part({ role: 'stripe', env: { ...env, PUBLIC_URL: '' }, logDir })
    }
    await Promise.all([this.#api, this.#worker, this.#stripe].map((part) => part?.restart()))
    this.#writeRuntime()
  }

  /** Waits until `isUp`, while no part ends. @throws Error with the last words of the part that keeps us from it. */
  async #untilUp(role: PartRole, isUp: () => Promise<boolean>): Promise<void> {
    const parts = [this.#api, this.#worker, this.#stripe].filter((part) => part !== undefined)
    const deadline = systemClock.monotonic() + upWithinMs
    while (!this.#stopping.signal.aborted && !(await isUp())) {
      const ended = parts.find((part) => !part.running)
      if (ended && !this.#stopping.signal.aborted) {
        throw new Error(`the ${ended.role} does not start:\n${ended.lastWords()}`)
      }
      if (systemClock.monotonic() > deadline) {
        const words = parts.find((part) => part.role === role)?.lastWords()
        throw new Error(`the ${role} is not up after ${upWithinMs / 1000} s:\n${words}`)
      }
      await systemClock.sleep(50, this.#stopping.signal)
    }
  }

  #watch(): void {
    const parts = [
      ['PostgreSQL', this.#services?.postgres],
      ['Redis', this.#services?.redis],
      ['the API', this.#api],
      ['the worker', this.#worker],
      ['the payment simulator', this.#stripe],
    ] as const
    const common = { clock: systemClock, log: this.#options.log, signal: this.#stopping.signal }
    this.#watches = parts.flatMap(([name, part]) =>
      part ? [keepRunning({ ...common, name, part, onRestart: () => this.#writeRuntime() })] : [],
    )
    // Seen by untilStopped(); a rejection before somebody asks is not an unhandled one.
    for (const watch of this.#watches) watch.catch(() => {})
  }

  #writeRuntime(): void {
    const parts = [this.#api, this.#worker, this.#stripe].flatMap((part) =>
      part?.running ? [{ role: part.role, pid: part.pid }] : [],
    )
    writeRuntime(this.dataDir, {
      apiUrl: this.apiUrl,
      databaseUrl: this.#databaseUrl,
      redisUrl: this.#redisUrl,
      stripeUrl: this.stripeUrl ?? null,
      mailDir: this.#mailDir,
      sweepSeconds: this.#options.config.SWEEP_SECONDS,
      processes: [...(this.#services?.processes ?? []), ...parts],
    })
  }

  #addresses(): Record<string, string> {
    return {
      DATABASE_URL: this.#databaseUrl,
      REDIS_URL: this.#redisUrl,
      DATA_DIR: this.dataDir,
      PORT: String(this.#port),
      ...(this.stripeUrl ? { STRIPE_API_BASE: this.stripeUrl } : {}),
    }
  }

  /** Whether payments go to a simulator of our own: nobody named a key, nor another address. */
  get #ownPayments(): boolean {
    const { STRIPE_SECRET_KEY, STRIPE_API_BASE } = this.#options.config
    return STRIPE_SECRET_KEY === undefined && STRIPE_API_BASE === undefined
  }

  /** Of the payment simulator that runs with the shop; undefined when payments go to the provider. */
  get stripeUrl(): string | undefined {
    if (!this.#ownPayments) return this.#options.config.STRIPE_API_BASE
    return `http://127.0.0.1:${this.#stripePort}`
  }

  get #databaseUrl(): string {
    return this.#options.config.DATABASE_URL ?? this.#services?.databaseUrl ?? ''
  }

  get #redisUrl(): string {
    return this.#options.config.REDIS_URL ?? this.#services?.redisUrl ?? ''
  }

  get #mailDir(): string {
    return join(this.dataDir, 'mail')
  }
}

/** Whether somebody answers there, whatever the answer. */
async function answers(url: string): Promise<boolean> {
  return (await statusOf(url)) !== undefined
}

async function answersOk(url: string): Promise<boolean> {
  return (await statusOf(url)) === 200
}

async function statusOf(url: string): Promise<number | undefined> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(2_000) })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined
  }
}

/** The error of a step that must not keep the next ones from running. */
async function settle(step: Promise<unknown> | undefined): Promise<unknown> {
  try {
    await step
    return undefined
  } catch (error) {
    return error
  }
}

function present(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
}
