/** The API, the worker or the payment simulator as a child process that can be started again. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { nodeArguments } from './node-arguments.ts'
import { entryOf, type PartRole } from './runtime-file.ts'
import { ServerProcess } from './server-process.ts'

export interface PartOptions {
  readonly role: PartRole
  readonly env: Readonly<Record<string, string>>
  /** Holds `<role>.log`. */
  readonly logDir: string
}

const stopSteps = [
  { signal: 'SIGTERM', waitMs: 12_000 },
  { signal: 'SIGKILL', waitMs: 3_000 },
] as const

export class Part {
  readonly role: PartRole
  readonly #options: PartOptions
  #process: ServerProcess | undefined

  constructor(options: PartOptions) {
    this.#options = options
    this.role = options.role
    mkdirSync(options.logDir, { recursive: true })
  }

  get pid(): number {
    return this.#process?.pid ?? 0
  }

  get running(): boolean {
    return this.#process?.running ?? false
  }

  /** Resolves when the present process ends, with a sentence on how. */
  get ended(): Promise<string> {
    return this.#process?.ended ?? Promise.resolve('not started')
  }

  /** Starts it, after stopping the one that runs. Does not wait until it is ready. */
  async restart(): Promise<void> {
    await this.stop()
    const { role, env, logDir } = this.#options
    this.#process = new ServerProcess({
      program: process.execPath,
      args: [...nodeArguments(role), entryOf[role], role],
      cwd: process.cwd(),
      env,
      logFile: join(logDir, `${role}.log`),
    })
  }

  async kill(signal: NodeJS.Signals): Promise<void> {
    await this.#process?.kill(signal)
  }

  /** Ends it: cleanly within 12 seconds, else by force. */
  async stop(): Promise<void> {
    await this.#process?.end(stopSteps)
  }

  /** The last lines of its log. */
  lastWords(lines?: number): string {
    return this.#process?.lastWords(lines) ?? ''
  }
}
