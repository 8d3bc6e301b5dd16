// The stores of the simulation keep to the contracts of their ports, as Redis and PostgreSQL do.
import { systemClock } from '../../src/kernel/clock.ts'
import { newId } from '../../src/kernel/ids.ts'
import { systemRandom } from '../../src/kernel/random.ts'
import { checkoutIds } from '../../src/stock/protocol/checkout-id.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { gateStoreContract } from '../integration/stock/ports/gate-store.suite.ts'
import { ledgerStoreContract } from '../integration/stock/ports/ledger-store.suite.ts'
import { mailboxContract } from '../integration/stock/ports/mailbox.suite.ts'
import { MemoryShop } from './memory-shop.ts'
import { LedgerTables, openRow } from './stores/ledger-tables.ts'
import { MemoryGates } from './stores/memory-gates.ts'
import { MemoryLedger } from './stores/memory-ledger.ts'
import { MemoryMailbox } from './stores/memory-mailbox.ts'
import { MemoryRedis } from './stores/memory-redis.ts'
import { MemoryWakes } from './stores/memory-wakes.ts'

const { now } = systemClock

const inMemory = async () => async () => {
  const redis = new MemoryRedis()
  return {
    gates: new MemoryGates({ redis, now }),
    mailbox: new MemoryMailbox({ redis }),
    wakes: new MemoryWakes(redis),
  }
}

gateStoreContract('memory', inMemory)
mailboxContract('memory', inMemory)

ledgerStoreContract('memory', async () => {
  const tables = new LedgerTables()
  const ledger = () => new MemoryLedger({ tables, now })
  const shop = new MemoryShop({ tables, now, ids: newId, holdSeconds: 1, assemblySeconds: 1 })
  return {
    ...{ ledger: ledger(), other: ledger(), now },
    ids: checkoutIds('a secret of this contract', now, systemRandom),
    addStock: async (sku, units) => openRow(tables, sku, partitionOf(sku), units),
    writeCommands: async (commands) => {
      shop.write(commands)
    },
    age: async () => {
      for (const command of tables.openCommands) command.createdAtMs -= 2_000
    },
  }
})
