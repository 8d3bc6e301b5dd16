// A worker is stopped where it stands and wakes up when another one has taken over: what it believed is
// no longer true, and it must change nothing.
import assert from 'node:assert/strict'
import test from 'node:test'
import pg from 'pg'
import { Crowd } from '../support/crowd.ts'
import { eventually } from '../support/eventually.ts'
import { sellOutAndJudge } from '../support/judge.ts'
import { type Shop, startShop, type WorkerPart } from '../support/processes.ts'

const ownedBy = (shop: Shop, sku: string, worker: WorkerPart) =>
  eventually(async () => assert.equal((await shop.ownerOf(sku)).name, worker.name), {
    timeoutMs: 20_000,
  })

function otherThan(shop: Shop, worker: WorkerPart): WorkerPart {
  const other = shop.workers.find(({ name }) => name !== worker.name)
  assert.ok(other)
  return other
}

test('a worker that was stopped for seconds wakes up, changes nothing, and works again', async (t) => {
  const shop = await startShop(t, { workers: 2 })
  const crowd = new Crowd(shop, { pauseMs: 60 }).start()
  await crowd.acceptedMore(60)
  const zombie = await shop.ownerOf('DROP-1')
  await zombie.pause()
  await ownedBy(shop, 'DROP-1', otherThan(shop, zombie))
  await crowd.acceptedMore(60)
  await zombie.resume()
  await shop.ownedEvenly()
  await sellOutAndJudge(shop, crowd)
})

test('a worker that is stopped between BEGIN and COMMIT loses its batch to the one that takes over', async (t) => {
  const shop = await startShop(t, { workers: 2 })
  const crowd = new Crowd(shop, { pauseMs: 60 }).start()
  await crowd.acceptedMore(60)
  const zombie = await shop.ownerOf('DROP-1')
  const heir = otherThan(shop, zombie)
  const blocker = new pg.Client({ connectionString: shop.databaseUrl })
  blocker.on('error', () => {})
  await blocker.connect()
  t.after(() => blocker.end())

  await blocker.query('begin')
  await blocker.query(`select from ledger where sku = 'DROP-1' for update`)
  const blocked = await batchWaits(shop, zombie)
  await zombie.pause()
  await ownedBy(shop, 'DROP-1', heir)
  await batchWaits(shop, heir)
  const alive = await shop.rows('select from pg_stat_activity where pid = $1', [blocked])
  assert.equal(alive.length, 0, 'the back end of the stopped worker is gone')
  await blocker.query('commit')
  await crowd.acceptedMore(20)
  await zombie.resume()
  await shop.ownedEvenly()
  await sellOutAndJudge(shop, crowd)
})

/** Waits until a batch of this worker's waits for a lock in the middle of its transaction. */
function batchWaits(shop: Shop, worker: WorkerPart): Promise<number> {
  return eventually(
    async () => {
      const [row] = await shop.rows<{ pid: number }>(
        `select pid from pg_stat_activity where application_name = $1 and wait_event_type = 'Lock'
           and datname = current_database()`,
        [`sluice-lane ${worker.workerId}`],
      )
      assert.ok(row, `no batch of ${worker.name} waits`)
      return row.pid
    },
    { timeoutMs: 20_000 },
  )
}
