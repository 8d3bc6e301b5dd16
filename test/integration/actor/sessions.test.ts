// The runtime's ports on a real PostgreSQL.
import { PgOwnerRegistry } from '../../../src/actor/pg-owner-registry.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { openPool, sql } from '../../../src/platform/postgres/pool.ts'
import type { LedgerStore } from '../../../src/stock/ports.ts'
import { sessionsOn } from '../../support/owners.ts'
import { createTestDatabase } from '../../support/stores.ts'
import { sessionsContract } from './sessions-contract.ts'

sessionsContract<LedgerStore>('PostgreSQL', async (t) => {
  const databaseUrl = await createTestDatabase(t)
  const pool = await openPool(databaseUrl, {
    max: 2,
    statementTimeoutMs: 5_000,
    onError: () => {},
  })
  t.after(() => pool.end())
  return {
    worker() {
      const workerId = newId()
      return {
        sessions: sessionsOn(databaseUrl, workerId),
        registry: new PgOwnerRegistry({ pool, workerId }),
      }
    },
    async age(seconds) {
      await pool.query(sql.typeAlias('none')`
        with w as (update workers set seen_at = seen_at - make_interval(secs => ${seconds}))
        update partitions set seen_at = seen_at - make_interval(secs => ${seconds})`)
    },
    use: (store) => store.partition(0),
  }
})
