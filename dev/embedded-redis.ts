/** A private Redis: the program on PATH, or the one that the bootstrap has fetched. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../src/kernel/clock.ts'
import { freePort } from './free-port.ts'
import { findOnPath } from './postgres-user.ts'
import { endProcesses, leftoversIn } from './processes.ts'
import { ServerProcess } from './server-process.ts'

export interface RedisServerOptions {
  /** Its working folder: append-only files and log. Made when missing, kept at the end. */
  readonly dir: string
  /** Default: a free one. */
  readonly port?: number
  /** A Redis Cluster of this one node, which owns all slots; `url` then names it twice, as a list. */
  readonly cluster?: boolean
  /** More arguments of redis-server; later ones win. */
  readonly args?: readonly string[]
  readonly log?: (line: string) => void
}

/** A running server. `url` and `port` stay the same over restarts, `pid` does not. */
export interface RedisHandle {
  readonly pid: number
  readonly port: number
  readonly url: string
  readonly dir: string
  readonly running: boolean
  /** Resolves when the present process ends, with a sentence on how. */
  readonly ended: Promise<string>
  /** Sends a signal; after SIGKILL also waits for the end. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Ends the server: cleanly within 10 seconds, else by force. Again and again is no error. */
  stop(): Promise<void>
  /** Stops it if it runs, and starts it on the same folder and port. */
  restart(): Promise<void>
}

const startMs = 60_000
const stopSteps = [
  { signal: 'SIGTERM', waitMs: 10_000 },
  { signal: 'SIGKILL', waitMs: 5_000 },
] as const

/**
 * Starts Redis on 127.0.0.1 with an append-only file that is flushed before every answer, after ending
 * what an earlier launcher left in the same folder. @throws Error with its last words when it does not
 * come up.
 */
export async function startRedis(options: RedisServerOptions): Promise<RedisHandle> {
  mkdirSync(options.dir, { recursive: true, mode: 0o700 })
  const dir = realpathSync(options.dir)
  const left = leftoversIn(dir, 'redis-server', join(dir, 'redis.pid'))
  if (left.length > 0) {
    options.log?.(`ending Redis left behind by an earlier run (process ${left.join(', ')})`)
    await endProcesses(left, stopSteps)
  }
  const port = options.port ?? (await freePort())
  const server = new EmbeddedRedis({ ...options, dir, port }, redisProgram())
  await server.restart()
  return server
}

class EmbeddedRedis implements RedisHandle {
  readonly #options: RedisServerOptions & { readonly port: number }
  readonly #program: RedisProgram
  #process: ServerProcess | undefined

  constructor(options: RedisServerOptions & { readonly port: number }, program: RedisProgram) {
    this.#options = options
    this.#program = program
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get port(): number {
    return this.#options.port
  }

  get dir(): string {
    return this.#options.dir
  }

  get url(): string {
    const url = `redis://127.0.0.1:${this.port}`
    return this.#options.cluster ? `${url},${url}` : url
  }

  get running(): boolean {
    return this.#process?.running ?? false
  }

  get ended(): Promise<string> {
    return this.#process?.ended ?? Promise.resolve('not started')
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#process?.kill(signal)
  }

  async stop(): Promise<void> {
    await this.#process?.end(stopSteps)
  }

  async restart(): Promise<void> {
    await this.stop()
    const server = this.#launch()
    this.#process = server
    if (this.#options.cluster) {
      await this.#until(server, async () => (await this.#ask('PING')).startsWith('+PONG'))
      // After a restart the slots are known from nodes.conf and the answer is an error that means yes.
      await this.#ask('CLUSTER ADDSLOTSRANGE 0 16383')
      await this.#until(server, async () =>
        (await this.#ask('CLUSTER INFO')).includes('cluster_state:ok'),
      )
    } else {
      await this.#until(server, async () => (await this.#ask('PING')).startsWith('+PONG'))
    }
  }

  #launch(): ServerProcess {
    const { dir, port, cluster, args = [] } = this.#options
    const all = [
      ...['--bind', '127.0.0.1', '--port', String(port), '--dir', dir],
      ...['--pidfile', join(dir, 'redis.pid'), '--daemonize', 'no', '--save', ''],
      ...['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction'],
      ...(cluster ? ['--cluster-enabled', 'yes', '--cluster-announce-ip', '127.0.0.1'] : []),
      ...args,
    ]
    const { path, env } = this.#program
    return new ServerProcess({ program: path, args: all, cwd: dir, env, logFile: join(dir, 'log') })
  }

  async #until(server: ServerProcess, ready: () => Promise<boolean>): Promise<void> {
    const deadline = systemClock.monotonic() + startMs
    while (!(await ready())) {
      if (!server.running) throw new Error(`Redis does not start:\n${server.lastWords()}`)
      if (systemClock.monotonic() > deadline) {
        await this.stop()
        throw new Error(`Redis is not ready after ${startMs / 1000} s:\n${server.lastWords()}`)
      }
      await systemClock.sleep(5)
    }
  }

  /** The answer to an inline command, or an empty text when there is none within a second. */
  #ask(command: string): Promise<string> {
    return new Promise((resolve) => {
      const socket = connect({ port: this.port, host: '127.0.0.1', timeout: 1_000 })
      const end = (answer: string) => {
        socket.destroy()
        resolve(answer)
      }
      socket.once('connect', () => socket.write(`${command}\r\n`))
      socket.once('data', (data) => end(data.toString()))
      socket.once('error', () => end(''))
      socket.once('timeout', () => end(''))
      socket.once('close', () => end(''))
    })
  }
}

interface RedisProgram {
  readonly path: string
  readonly env: Readonly<Record<string, string>>
}

const fetchedRoot = fileURLToPath(new URL('../.cache/redis', import.meta.url))
let known: RedisProgram | undefined

/** Finds redis-server once. @throws Error when there is none, or it is older than 7. */
function redisProgram(): RedisProgram {
  if (known) return known
  const env = { PATH: '/usr/bin:/bin', LC_ALL: 'C' }
  const onPath = findOnPath('redis-server')
  const fetched = join(fetchedRoot, 'usr', 'bin', 'redis-server')
  const candidates: RedisProgram[] = [
    ...(onPath ? [{ path: onPath, env }] : []),
    ...(existsSync(fetched)
      ? [{ path: fetched, env: { ...env, LD_LIBRARY_PATH: fetchedLibraries() } }]
      : []),
  ]
  for (const candidate of candidates) {
    const { stdout } = spawnSync(candidate.path, ['--version'], {
      env: candidate.env,
      encoding: 'utf8',
    })
    const major = Number(/ v=(\d+)/.exec(stdout ?? '')?.[1] ?? 0)
    if (major >= 7) {
      known = candidate
      return candidate
    }
  }
  throw new Error(
    'there is no redis-server (version 7 or newer) on PATH: install it, or set REDIS_URL',
  )
}

/** Debian keeps libraries in a folder per architecture; the packages may hold more than one. */
function fetchedLibraries(): string {
  const lib = join(fetchedRoot, 'usr', 'lib')
  const folders = readdirSync(lib, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return [lib, ...folders.map((entry) => join(lib, entry.name))].join(':')
}
