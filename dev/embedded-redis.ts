/** A private Redis: the program on PATH, or the one that the bootstrap has fetched. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, realpathSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EmbeddedServer, type ServerHandle } from './embedded-server.ts'
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

/** A running server. */
export interface RedisHandle extends ServerHandle {
  readonly dir: string
}

const askedEveryMs = 5
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

class EmbeddedRedis extends EmbeddedServer implements RedisHandle {
  readonly #options: RedisServerOptions & { readonly port: number }
  readonly #program: RedisProgram

  constructor(options: RedisServerOptions & { readonly port: number }, program: RedisProgram) {
    super('Redis', options.port, stopSteps)
    this.#options = options
    this.#program = program
  }

  get dir(): string {
    return this.#options.dir
  }

  get url(): string {
    const url = `redis://127.0.0.1:${this.port}`
    return this.#options.cluster ? `${url},${url}` : url
  }

  async restart(): Promise<void> {
    await this.stop()
    const server = this.#launch()
    const says = async (command: string, answer: string) =>
      (await this.#ask(command)).includes(answer)
    await this.started(server, () => says('PING', '+PONG'), askedEveryMs)
    if (!this.#options.cluster) return
    // After a restart the slots are known from nodes.conf and the answer is an error that means yes.
    await this.#ask('CLUSTER ADDSLOTSRANGE 0 16383')
    await this.started(server, () => says('CLUSTER INFO', 'cluster_state:ok'), askedEveryMs)
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
