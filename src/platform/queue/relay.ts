/**
 * Rows of PostgreSQL on their way through BullMQ. What is due is claimed in batches, and a batch is one
 * job. A row stays open until its effect is in PostgreSQL, and open rows become due again: so a queue
 * that is emptied, or a worker that is killed, loses nothing, and a job that runs twice finds its rows
 * closed.
 */
import type { DatabasePool, FragmentSqlToken } from 'slonik'
import { watchDue } from './due-watch.ts'
import { bounded, type OpenQueue, openQueue, type QueueDeps } from './queue.ts'
import type { WorkHints } from './work-hints.ts'

/** A row of the table of relays. */
export interface Relayed<Id extends string | number = string | number> {
  /** Of the queue; one for each kind of row, so that a slow kind holds up no other. */
  readonly name: string
  /** Rows of one job. */
  readonly batch: number
  /** Between full batches; default 0. */
  readonly pauseMs?: number
  /** Jobs at once, per worker process. */
  readonly concurrency: number
  /**
   * Jobs that may wait; default 16. What is claimed too early is due again before its turn: fewer where one may take
   * long.
   */
  readonly waitingMax?: number
  /** A subquery: when the first row is due, or was. It reads one entry of an index. */
  readonly firstDue: FragmentSqlToken
  /** Takes up to `limit` rows that are due, so that nobody else takes them for a while. */
  claim(limit: number): Promise<readonly Id[]>
  /** Handles those that are still open. Safe to run twice, also at once. */
  handle(ids: readonly Id[]): Promise<void>
}

/** What relays run on. */
export interface RelayDeps extends QueueDeps {
  readonly pool: DatabasePool
  readonly hints: WorkHints
}

/** The pause when there was less than a batch to do. */
const idleMs = 100
const troubleMs = 1_000

/**
 * Starts claiming and handling. Each relay has a queue; what is due is looked at for all of them together. `stop` lets
 * running jobs finish, for a few seconds.
 */
export function startRelays(
  deps: RelayDeps,
  relays: readonly Relayed[],
): { stop(): Promise<void> } {
  const running = relays.map((relayed) => new Relay(deps, relayed))
  const unwatch = watchDue(
    deps,
    running.map((relay) => ({ ...relay.relayed, onDue: () => relay.wake() })),
  )
  return {
    async stop() {
      await unwatch()
      await Promise.all(running.map((relay) => relay.stop()))
    },
  }
}

/** Claims while there is something to claim, and then waits to be woken. */
class Relay {
  readonly relayed: Relayed
  readonly #deps: RelayDeps
  readonly #open: OpenQueue
  readonly #stopping = new AbortController()
  readonly #looping: Promise<void>
  /** Whether something may be due. */
  #due = false
  #wakeUp: (() => void) | undefined

  constructor(deps: RelayDeps, relayed: Relayed) {
    this.#deps = deps
    this.relayed = relayed
    this.#open = openQueue(
      deps,
      relayed.name,
      async ({ data }) => {
        await relayed.handle((data as { ids: readonly (string | number)[] }).ids)
      },
      { concurrency: relayed.concurrency },
    )
    this.#looping = this.#loop()
  }

  wake(): void {
    this.#due = true
    this.#wakeUp?.()
  }

  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#wakeUp?.()
    await this.#looping
    await this.#open.close()
  }

  async #loop(): Promise<void> {
    const { clock, log } = this.#deps
    while (!this.#stopping.signal.aborted) {
      if (!this.#due) {
        await new Promise<void>((resolve) => {
          this.#wakeUp = resolve
        })
        this.#wakeUp = undefined
        continue
      }
      let pause = troubleMs
      const step = this.#pass().then((ms) => {
        pause = ms
      })
      step.catch((error: unknown) =>
        log.debug(
          { err: error, queue: this.relayed.name },
          'a relay could not claim rows; trying again in a second',
        ),
      )
      await bounded(clock, step)
      if (pause > 0) await clock.sleep(pause, this.#stopping.signal)
    }
  }

  /** Returns how long to pause. Whatever fails here is due again by itself. */
  async #pass(): Promise<number> {
    const { name, batch, pauseMs = 0, waitingMax = 16, claim } = this.relayed
    const { queue, connection } = this.#open
    if (connection.status !== 'ready') return idleMs
    if ((await queue.getWaitingCount()) >= waitingMax) return idleMs
    // What becomes due from here on is found by the next look, and wakes us again.
    this.#due = false
    const ids = await claim(batch)
    if (ids.length === 0) return 0
    this.#due = true
    // A custom id must not be a number, nor hold a colon. The time tells a second round from the first.
    const jobId = `${name}-${String(ids[0]).replaceAll(':', '-')}-${this.#deps.clock.now()}`
    await queue.add('batch', { ids }, { jobId, removeOnComplete: true, removeOnFail: true })
    return ids.length === batch ? pauseMs : Math.max(idleMs, pauseMs)
  }
}
