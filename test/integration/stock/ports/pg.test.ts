// The ledger in PostgreSQL keeps to the contract of its port.
import type { TestContext } from 'node:test'
import { writeCommands } from '../../../../src/flows/reserve/end-checkout.ts'
import { systemClock } from '../../../../src/kernel/clock.ts'
import { systemRandom } from '../../../../src/kernel/random.ts'
import { openPool, sql } from '../../../../src/platform/postgres/pool.ts'
import { openLedger } from '../../../../src/stock/ledger/open-ledger.ts'
import { openPgLedger } from '../../../../src/stock/ledger/pg-ledger.ts'
import { checkoutIds } from '../../../../src/stock/protocol/checkout-id.ts'
import { createTestDatabase } from '../../../support/stores.ts'
import { ledgerStoreContract } from './ledger-store.suite.ts'
import type { LedgerWorld } from './opened-ledger.ts'

async function onPostgres(t: TestContext): Promise<LedgerWorld> {
  const url = await createTestDatabase(t)
  const pool = await openPool(url, { max: 2, statementTimeoutMs: 10_000, onError: () => {} })
  const sessions = [
    await openPgLedger(url, 'sluice-contract', systemClock),
    await openPgLedger(url, 'sluice-contract', systemClock),
  ] as const
  t.after(async () => {
    for (const session of sessions) await session.close()
    await pool.end()
  })
  return {
    ledger: sessions[0].store,
    other: sessions[1].store,
    ids: checkoutIds('a secret of this contract', systemClock.now, systemRandom),
    now: systemClock.now,
    addStock: (sku, units) => openLedger(pool, [{ sku, units }]),
    writeCommands: async (commands) => {
      await pool.transaction((tx) => writeCommands(tx, commands, 'a contract'))
    },
    age: async () => {
      await pool.query(sql.typeAlias('none')`
        update stock_commands set created_at = created_at - interval '2 seconds' where done_at is null`)
    },
  }
}

ledgerStoreContract('PostgreSQL', onPostgres)
