// Sessions and the register of owners in memory keep to the contract that PostgreSQL keeps to.
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import type { LedgerStore } from '../../src/stock/ports.ts'
import { partitionCount } from '../../src/stock/protocol/partition.ts'
import { sessionsContract } from '../integration/actor/sessions-contract.ts'
import { LedgerTables } from './stores/ledger-tables.ts'
import { MemoryLedger } from './stores/memory-ledger.ts'
import { MemoryOwners } from './stores/memory-owners.ts'

sessionsContract<LedgerStore>('memory', async () => {
  const { now } = systemClock
  const tables = new LedgerTables()
  const owners = new MemoryOwners<LedgerStore>({
    now,
    openStore: () => new MemoryLedger({ tables, now }),
    partitions: Array.from({ length: partitionCount }, (_, partition) => partition),
    locksHold: () => true,
  })
  return {
    worker: () => {
      const workerId = newId()
      return { sessions: owners.sessions(workerId), registry: owners.registry(workerId) }
    },
    age: async (seconds) => owners.age(seconds),
    use: (store) => store.partition(1),
  }
})
