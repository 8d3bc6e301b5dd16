/** The sessions of one worker, over a way on which calls keep their order. */
import type { Session, Sessions } from '../../src/actor/ports.ts'
import type { LedgerStore } from '../../src/stock/ports.ts'
import type { Link } from './network.ts'
import type { SimProcess } from './sim-process.ts'
import type { Stage } from './stage.ts'
import { type ServerSession, SessionEnded } from './stores/memory-owners.ts'
import { around } from './stores/verbs.ts'

/** How long the server takes to notice that a process is gone: at once, or not before somebody puts it down. */
const noticedMs = 20
const unnoticedChance = 0.2
const unnoticedMs = 5_000

export function simSessions(
  stage: Stage,
  owner: SimProcess,
  workerId: string,
): Sessions<LedgerStore> {
  return {
    open: (onLost) =>
      stage.network.call(owner, stage.postgresLink, 'session.open', [], async () =>
        connect(stage, owner, workerId, onLost),
      ),
  }
}

function connect(
  stage: Stage,
  owner: SimProcess,
  workerId: string,
  onLost: () => void,
): Session<LedgerStore> {
  const { scheduler, random, network, postgresLink } = stage
  let lost = false
  const lose = () => {
    if (lost) return
    lost = true
    onLost()
  }
  const server: ServerSession<LedgerStore> = stage.owners.openSession(workerId, () => {
    scheduler.plan(network.way(), () => owner.deliver(lose))
  })
  owner.onDeath(() => {
    const ms = random.chance(unnoticedChance) ? unnoticedMs : random.next() * noticedMs
    scheduler.plan(ms, () => server.end())
  })
  const link: Link = {
    get up() {
      return postgresLink.up
    },
    get breaks() {
      return server.lost ? 1 : 0
    },
    session: { lastArrivalMs: 0, end: () => server.end() },
  }
  const call = <T>(verb: string, args: readonly unknown[], run: () => Promise<T>): Promise<T> => {
    if (lost) return Promise.reject(new SessionEnded('the session is lost'))
    return network.call(owner, link, verb, args, run)
  }
  return {
    store: around(server.store, (verb, args, run) => call(`ledger.${verb}`, args, run)),
    get lost() {
      return lost
    },
    tryLock: (partitions) =>
      call('session.tryLock', [partitions], () => server.tryLock(partitions)),
    unlock: (partition) => call('session.unlock', [partition], () => server.unlock(partition)),
    async close() {
      if (lost) return
      const closed = call('session.close', [], () => server.close())
      lost = true
      await closed.catch(() => {})
    },
  }
}
