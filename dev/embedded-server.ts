/** A store's server in a process of its own, which may end, or be ended, and start again on the same port. */
import { systemClock } from '../src/kernel/clock.ts'
import type { EndStep } from './processes.ts'
import type { ServerProcess } from './server-process.ts'

/** A running server. `url` and `port` stay the same over restarts, `pid` does not. */
export interface ServerHandle {
  readonly pid: number
  readonly port: number
  readonly url: string
  readonly running: boolean
  /** Resolves when the present process ends, with a sentence on how. */
  readonly ended: Promise<string>
  /** Sends a signal to the server's first process; after SIGKILL also waits for its end. */
  kill(signal: NodeJS.Signals): Promise<void>
  /** Ends the server: cleanly within 10 seconds (PostgreSQL: 15), else by force. Again and again is no error. */
  stop(): Promise<void>
  /** Stops it if it runs, and starts it on the same folder and port. */
  restart(): Promise<void>
}

const startMs = 60_000

export abstract class EmbeddedServer {
  readonly port: number
  readonly #name: string
  readonly #stopSteps: readonly EndStep[]
  #process: ServerProcess | undefined

  /** `name` is for error messages. */
  constructor(name: string, port: number, stopSteps: readonly EndStep[]) {
    this.port = port
    this.#name = name
    this.#stopSteps = stopSteps
  }

  get pid(): number {
    return this.#process?.pid ?? 0
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
    await this.#process?.end(this.#stopSteps)
  }

  /**
   * Takes `server` for the present process, and asks it every `everyMs` until it is ready.
   * @throws Error with its last words when it ends, or is not ready after a minute: then it is ended.
   */
  protected async started(
    server: ServerProcess,
    ready: () => Promise<boolean>,
    everyMs: number,
  ): Promise<void> {
    this.#process = server
    const deadline = systemClock.monotonic() + startMs
    while (!(await ready())) {
      if (!server.running) throw new Error(`${this.#name} does not start:\n${server.lastWords()}`)
      if (systemClock.monotonic() > deadline) {
        await this.stop()
        const seconds = startMs / 1000
        throw new Error(`${this.#name} is not ready after ${seconds} s:\n${server.lastWords()}`)
      }
      await systemClock.sleep(everyMs)
    }
  }
}
