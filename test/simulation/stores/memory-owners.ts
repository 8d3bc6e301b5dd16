/** Sessions with their locks, and the register of owners, in memory: one server that all workers share. */
import type { OwnerRegistry, Session, Sessions, Survey } from '../../../src/actor/ports.ts'
import { silentSeconds } from '../../../src/actor/ports.ts'
import { around } from './verbs.ts'

export class SessionEnded extends Error {
  override name = 'SessionEnded'
}

export interface MemoryOwnersDeps<Store extends object> {
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** What a session reads and writes. */
  readonly openStore: () => Store
  readonly partitions: readonly number[]
  /** Whether a lock keeps others out. When it does not, it is given to whoever asks, and nobody is put down. */
  readonly locksHold: () => boolean
}

/** A session as the server sees it. */
export interface ServerSession<Store> extends Session<Store> {
  readonly number: number
  /** Ends it as the server would: without being asked. */
  end(): void
}

interface Stamp {
  workerId: string | null
  session: number | null
  seenAtMs: number
}

export class MemoryOwners<Store extends object> {
  readonly #deps: MemoryOwnersDeps<Store>
  readonly #sessions = new Map<number, ServerSession<Store>>()
  /** Partition → the session that has its lock. */
  readonly #locks = new Map<number, number>()
  readonly #stamps = new Map<number, Stamp>()
  readonly #workers = new Map<string, number>()
  #numbers = 0

  constructor(deps: MemoryOwnersDeps<Store>) {
    this.#deps = deps
    const never = { workerId: null, session: null, seenAtMs: Number.NEGATIVE_INFINITY }
    for (const partition of deps.partitions) this.#stamps.set(partition, { ...never })
  }

  /** Those that are open, in the order of their opening. */
  get open(): ServerSession<Store>[] {
    return [...this.#sessions.values()]
  }

  sessions(workerId: string): Sessions<Store> {
    return { open: async (onLost) => this.openSession(workerId, onLost) }
  }

  openSession(workerId: string, onLost: () => void): ServerSession<Store> {
    const number = ++this.#numbers
    let lost = false
    const end = () => {
      if (lost) return
      lost = true
      this.#sessions.delete(number)
      for (const [partition, holder] of this.#locks)
        if (holder === number) this.#locks.delete(partition)
    }
    const alive = async <T>(run: () => T | Promise<T>): Promise<T> => {
      if (lost) throw new SessionEnded(`session ${number} has ended`)
      return run()
    }
    const session: ServerSession<Store> = {
      number,
      store: around(this.#deps.openStore(), (_verb, _args, run) => alive(run)),
      get lost() {
        return lost
      },
      tryLock: (partitions) =>
        alive(() => partitions.filter((each) => this.#tryLock(number, workerId, each))),
      unlock: (partition) => alive(() => this.#unlock(number, partition)),
      close: async () => end(),
      end: () => {
        if (lost) return
        end()
        onLost()
      },
    }
    this.#sessions.set(number, session)
    return session
  }

  registry(workerId: string): OwnerRegistry {
    return {
      stamp: async (partitions) => this.#stamp(workerId, partitions),
      survey: async () => this.#survey(workerId),
      putDown: async (partition, session) => this.#putDown(partition, session),
      signOff: async () => {
        const ago = this.#deps.now() - silentSeconds * 1_000
        this.#workers.set(workerId, Math.min(this.#workers.get(workerId) ?? ago, ago))
      },
    }
  }

  /** Makes everything that was stamped so far so much older. */
  age(seconds: number): void {
    for (const stamp of this.#stamps.values()) stamp.seenAtMs -= seconds * 1_000
    for (const [worker, at] of this.#workers) this.#workers.set(worker, at - seconds * 1_000)
  }

  #tryLock(number: number, workerId: string, partition: number): boolean {
    const holder = this.#locks.get(partition)
    if (this.#deps.locksHold() && holder !== undefined && holder !== number) return false
    this.#locks.set(partition, number)
    Object.assign(this.#stampOf(partition), {
      ...{ workerId, session: number, seenAtMs: this.#deps.now() },
    })
    return true
  }

  #unlock(number: number, partition: number): void {
    const stamp = this.#stampOf(partition)
    if (stamp.session === number) Object.assign(stamp, { workerId: null, session: null })
    if (this.#locks.get(partition) === number) this.#locks.delete(partition)
  }

  #stamp(workerId: string, partitions: readonly number[]): void {
    const now = this.#deps.now()
    this.#workers.set(workerId, now)
    for (const [worker, at] of this.#workers) if (at < now - 60_000) this.#workers.delete(worker)
    for (const partition of partitions) {
      const stamp = this.#stampOf(partition)
      if (stamp.workerId === workerId) stamp.seenAtMs = now
    }
  }

  #survey(workerId: string): Survey {
    const since = this.#deps.now() - silentSeconds * 1_000
    const others = [...this.#workers].filter(([worker, at]) => worker !== workerId && at > since)
    const partitions = [...this.#stamps].map(([partition, { session, seenAtMs }]) => ({
      partition,
      locked: this.#deps.locksHold() && this.#locks.has(partition),
      silent: seenAtMs < since,
      session,
    }))
    return { liveWorkers: others.length + 1, partitions }
  }

  #putDown(partition: number, session: number): void {
    const stamp = this.#stampOf(partition)
    const silent = stamp.seenAtMs < this.#deps.now() - silentSeconds * 1_000
    if (this.#deps.locksHold() && silent && stamp.session === session)
      this.#sessions.get(session)?.end()
  }

  #stampOf(partition: number): Stamp {
    const found = this.#stamps.get(partition)
    if (!found) throw new Error(`no such partition: ${partition}`)
    return found
  }
}
