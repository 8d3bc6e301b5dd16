/** One server that this process started: its id, its end, and the last lines it said. */
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, openSync, statSync } from 'node:fs'
import { systemClock } from '../src/kernel/clock.ts'
import { type EndStep, endProcesses, signalQuietly } from './processes.ts'
import { readText } from './read-text.ts'

export interface ServerCommand {
  readonly program: string
  readonly args: readonly string[]
  readonly cwd: string
  readonly env: Readonly<Record<string, string>>
  /** Takes both outputs. A file, not a pipe: a server that outlives its launcher must not choke. */
  readonly logFile: string
  readonly uid?: number
  readonly gid?: number
}

const logBytesMax = 10 * 1024 * 1024

export class ServerProcess {
  readonly pid: number
  /** Resolves with a sentence on how it ended; never rejects. */
  readonly ended: Promise<string>
  readonly #child: ChildProcess
  readonly #logFile: string
  #running = true

  /**
   * Starts the command in a process group of its own, so that a Ctrl-C in the terminal reaches the
   * launcher alone, which then ends its servers in the right order.
   */
  constructor(command: ServerCommand) {
    const { program, args, cwd, env, logFile, uid, gid } = command
    this.#logFile = logFile
    const log = openSync(logFile, sizeOf(logFile) > logBytesMax ? 'w' : 'a', 0o600)
    const child = spawn(program, args, {
      cwd,
      env,
      detached: true,
      stdio: ['ignore', log, log],
      ...(uid === undefined ? {} : { uid }),
      ...(gid === undefined ? {} : { gid }),
    })
    closeSync(log)
    // Whoever wants to stay until the server ends waits for it; the server alone keeps nobody up.
    child.unref()
    this.#child = child
    this.pid = child.pid ?? 0
    this.ended = new Promise((resolve) => {
      const end = (how: string) => {
        this.#running = false
        resolve(how)
      }
      child.once('error', (error) => end(error.message))
      child.once('exit', (code, signal) => end(signal ? `ended by ${signal}` : `exit code ${code}`))
    })
  }

  get running(): boolean {
    return this.#running && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Sends `signal`; after SIGKILL also waits until the process is gone. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (!this.running || this.pid === 0) return
    signalQuietly(this.pid, signal)
    if (signal === 'SIGKILL') await this.#gone(5_000)
  }

  /** Ends it step by step. @throws Error when it outlives the last step. */
  async end(steps: readonly EndStep[]): Promise<void> {
    if (!this.running || this.pid === 0) return
    const alive = await endProcesses([this.pid], steps)
    if (alive.length > 0) throw new Error(`process ${this.pid} does not end`)
    await this.#gone(1_000)
  }

  /** The last lines of its log, for an error message. */
  lastWords(lines = 8): string {
    return readText(this.#logFile).trimEnd().split('\n').slice(-lines).join('\n')
  }

  /** The child is unreferenced: a referenced timer keeps us here until it is reaped. */
  async #gone(withinMs: number): Promise<void> {
    const deadline = systemClock.monotonic() + withinMs
    while (this.running && systemClock.monotonic() < deadline) await systemClock.sleep(5)
  }
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
