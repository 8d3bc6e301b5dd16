/** The API and worker under test and the payment simulator, as processes of their own. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../dev/free-port.ts'
import { nodeArguments } from '../../dev/node-arguments.ts'
import { birthOf, endProcesses, isAlive } from '../../dev/processes.ts'
import { entryOf, type PartRole } from '../../dev/runtime-file.ts'
import { ServerProcess } from '../../dev/server-process.ts'
import { systemClock } from '../../src/kernel/clock.ts'

const root = fileURLToPath(new URL('..', import.meta.url))
const startMs = 30_000
const endSteps = [
  { signal: 'SIGTERM', waitMs: 12_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const

export interface ServersOptions {
  /** Takes the logs and the list of process ids. */
  readonly dir: string
  /** Settings of both processes, complete: nothing else of this process's environment reaches them. */
  readonly settings: Readonly<Record<string, string>>
  /** CPU profiles of both processes go there when they end; undefined: they are not profiled. */
  readonly profileDir: string | undefined
  readonly signal: AbortSignal
}

function profiling(dir: string | undefined): string[] {
  return dir === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${dir}`]
}

export class Servers {
  readonly #options: ServersOptions
  readonly #running = new Map<PartRole, ServerProcess>()
  /** Further APIs, beside the one under test. */
  readonly #more: ServerProcess[] = []
  #url = ''
  #stripeUrl = ''

  constructor(options: ServersOptions) {
    this.#options = options
    mkdirSync(options.dir, { recursive: true })
  }

  /** Origin of the API. */
  get url(): string {
    return this.#url
  }

  /** Settings that name the parts to each other. */
  get addresses(): Readonly<Record<string, string>> {
    const { hostname, port } = new URL(this.#url)
    return { HOST: hostname, PORT: port, STRIPE_API_BASE: this.#stripeUrl }
  }

  pidOf(role: PartRole): number | undefined {
    const server = this.#running.get(role)
    return server?.running ? server.pid : undefined
  }

  /** Starts all under `settings` and waits until they answer. @throws Error with the last words of one that does not. */
  async start(settings: Readonly<Record<string, string>>): Promise<void> {
    this.#url = `http://127.0.0.1:${await freePort()}`
    this.#stripeUrl = `http://127.0.0.1:${await freePort()}`
    const all = { ...settings, ...this.addresses }
    const stripe = this.#launch('stripe', all)
    this.#launch('worker', all)
    const api = this.#launch('api', all)
    await this.#until(stripe, 'simulator', `${this.#stripeUrl}/v1/payment_intents`, 401)
    await this.#until(api, 'API', `${this.#url}/health`, 200)
  }

  startWorker(settings: Readonly<Record<string, string>>): void {
    this.#launch('worker', settings)
  }

  /** Starts the API under test again, at its old address; resolves when it answers. @throws Error as {@link start}. */
  async restartApi(settings: Readonly<Record<string, string>>): Promise<void> {
    const api = this.#launch('api', { ...settings, ...this.addresses })
    await this.#until(api, 'API', `${this.#url}/health`, 200)
  }

  /** Ends a part as a crash does, without a word to it. */
  async kill(role: 'api' | 'worker'): Promise<void> {
    await this.#running.get(role)?.end([{ signal: 'SIGKILL', waitMs: 5_000 }])
  }

  async stopWorker(): Promise<void> {
    await this.#stop('worker')
  }

  /** Origin of the payment simulator. */
  get stripeUrl(): string {
    return this.#stripeUrl
  }

  /** Starts another API under `settings`; resolves to its origin when it answers. @throws Error as {@link start}. */
  async startApi(settings: Readonly<Record<string, string>>): Promise<string> {
    const PORT = String(await freePort())
    const url = `http://127.0.0.1:${PORT}`
    const api = this.#spawn('api', { ...settings, HOST: '127.0.0.1', PORT }, `api-${PORT}`)
    this.#more.push(api)
    this.#note()
    await this.#until(api, 'API', `${url}/health`, 200)
    return url
  }

  /** Ends the APIs that {@link startApi} has started. */
  async stopMoreApis(): Promise<void> {
    await Promise.all(this.#more.splice(0).map((api) => api.end(endSteps)))
  }

  /** Throws when a part that should run has ended by itself. */
  check(): void {
    const all = [...this.#running, ...this.#more.map((api) => ['api', api] as const)]
    for (const [role, server] of all) {
      if (!server.running) throw new Error(`the ${role} ended:\n${server.lastWords()}`)
    }
  }

  async stop(): Promise<void> {
    await this.stopMoreApis()
    await this.#stop('api')
    await this.#stop('worker')
    await this.#stop('stripe')
  }

  #launch(role: PartRole, settings: Readonly<Record<string, string>>): ServerProcess {
    const server = this.#spawn(role, settings, role)
    this.#running.set(role, server)
    this.#note()
    return server
  }

  #spawn(role: PartRole, settings: Readonly<Record<string, string>>, name: string): ServerProcess {
    return new ServerProcess({
      program: process.execPath,
      args: [...nodeArguments(role), ...profiling(this.#options.profileDir), entryOf[role], role],
      cwd: root,
      env: { ...this.#options.settings, ...settings },
      logFile: join(this.#options.dir, `${name}.log`),
    })
  }

  #note(): void {
    const all = [...this.#running.values(), ...this.#more]
    noteProcesses(
      this.#options.dir,
      all.map(({ pid }) => pid),
    )
  }

  async #stop(role: PartRole): Promise<void> {
    await this.#running.get(role)?.end(endSteps)
    this.#running.delete(role)
  }

  async #until(server: ServerProcess, name: string, url: string, status: number): Promise<void> {
    const deadline = systemClock.monotonic() + startMs
    const answers = async () => {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) })
      await answer.body?.cancel()
      return answer.status === status
    }
    while (systemClock.monotonic() < deadline) {
      this.#options.signal.throwIfAborted()
      if (!server.running) throw new Error(`the ${name} does not start:\n${server.lastWords()}`)
      if (await answers().catch(() => false)) return
      await systemClock.sleep(25, this.#options.signal)
    }
    throw new Error(`the ${name} does not answer after ${startMs / 1000} s:\n${server.lastWords()}`)
  }
}

interface Noted {
  readonly pid: number
  readonly birth: string
}

function noteProcesses(dir: string, pids: readonly number[]): void {
  const noted: Noted[] = pids.map((pid) => ({ pid, birth: birthOf(pid) }))
  writeFileSync(join(dir, 'processes.json'), JSON.stringify(noted))
}

/** Ends the servers that a killed bench has left behind in `dir`. Touches nothing else. */
export async function endLeftServers(dir: string): Promise<void> {
  const file = join(dir, 'processes.json')
  let noted: readonly Noted[] = []
  try {
    noted = JSON.parse(readFileSync(file, 'utf8')) as Noted[]
  } catch {
    return
  }
  const ours = noted.filter(({ pid, birth }) => isAlive(pid) && birthOf(pid) === birth)
  await endProcesses(
    ours.map(({ pid }) => pid),
    endSteps,
  )
  rmSync(file, { force: true })
}
