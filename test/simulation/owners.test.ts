// Two owners of one partition, who do not know of each other, in the moments that a story meets only now and then.
import assert from 'node:assert/strict'
import test from 'node:test'
import { newId } from '../../src/kernel/ids.ts'
import { commitPass } from '../../src/stock/owner/commit-pass.ts'
import { stockActors } from '../../src/stock/owner/partition-actor.ts'
import { rebuildPartition } from '../../src/stock/owner/rebuild.ts'
import { partitionOf } from '../../src/stock/protocol/partition.ts'
import { requestField } from '../../src/stock/protocol/request-record.ts'
import { manualClock } from '../support/manual-clock.ts'
import { offerOf } from './stage.ts'
import { LedgerTables, openRow } from './stores/ledger-tables.ts'
import { MemoryGates } from './stores/memory-gates.ts'
import { MemoryLedger } from './stores/memory-ledger.ts'
import { MemoryMailbox } from './stores/memory-mailbox.ts'
import { MemoryRedis } from './stores/memory-redis.ts'
import { around } from './stores/verbs.ts'

const sku = 'SKU-1'
const partition = partitionOf(sku)
const holdSeconds = 60

/** A SKU with ten units and its gate, as the first owner has built them. */
async function opened() {
  const { now, monotonic } = manualClock()
  const redis = new MemoryRedis()
  const tables = new LedgerTables()
  openRow(tables, sku, partition, 10)
  const gates = new MemoryGates({ redis, now })
  const mailbox = new MemoryMailbox({ redis })
  const ledger = new MemoryLedger({ tables, now })
  const offers = { offers: async () => new Map([[sku, offerOf(sku, null, 100)]]) }
  const deps = { gates, mailbox, ledger, offers, holdSeconds, now, warn: () => {} }
  const quiet = { monotonic, random: () => 0.5, onCommitted: () => {}, wake: () => {} }
  const owner = () => stockActors({ ...deps, ...quiet }).takeOver(partition, ledger)
  const first = await owner()
  await gates.want(sku)
  await first.pass()
  const admit = async () => {
    const { generation } = await ledger.partition(partition)
    const [buyerId, key, id] = [newId(), newId(), newId()]
    const request = { sku, buyerId, units: 1, key, fingerprint: `${sku}*1` }
    const asks = [{ request, field: requestField(buyerId, key) }]
    const call = { sku, partition, generation, waitingMax: 100 }
    return { id, reply: await gates.admit(call, asks, [id]) }
  }
  return { deps, tables, redis, owner, admit }
}

test('what another owner has committed meanwhile is no hole: the rest is committed too', async () => {
  const { deps, tables, admit } = await opened()
  const [a, b] = [await admit(), await admit()]
  const { gates, mailbox, ledger } = deps
  /** The other owner commits the first entry and takes it out, just before this one reads. */
  let others = async () => {
    others = async () => {}
    const [row] = await ledger.rows([sku])
    assert.ok(row)
    const [entries = []] = await mailbox.read(partition, [row.state], 1)
    const { decisions } = await commitPass(ledger, [{ state: row.state, entries }], holdSeconds)
    const [decision] = decisions
    assert.ok(decision)
    await gates.settle({ state: decision.after, shadow: decision.shadow })
  }
  const overtaken = around(mailbox, async (verb, _, run) => {
    if (verb === 'read') await others()
    return run()
  })
  await rebuildPartition({ ...deps, mailbox: overtaken }, partition)
  for (const { id } of [a, b]) assert.equal(tables.checkouts.get(id)?.status, 'reserved')
})

test('a gate of an older generation is no answer to who asks for one', async () => {
  const { deps, tables, redis, owner, admit } = await opened()
  const keys = redis.keys.get(partition)?.skus.get(sku)
  const older = keys && structuredClone(keys)
  await rebuildPartition(deps, partition)
  assert.equal(tables.partition(partition).generation, 2)
  // An owner of the generation before has put its own there, and nobody has built this one's.
  assert.ok(older)
  redis.keys.get(partition)?.skus.set(sku, older)
  const now = await owner()
  assert.equal((await admit()).reply.tag, 'missing')
  await deps.gates.want(sku)
  await now.pass()
  assert.equal((await admit()).reply.tag, 'admitted')
})

test('who was overtaken while it built a generation does not open it', async () => {
  const { deps, tables, admit } = await opened()
  const dying = around(deps.gates, (verb, _, run) =>
    verb === 'beginLoading' ? Promise.reject(new Error('the successor dies')) : run(),
  )
  /** The successor closes and moves the ledger on just before this one opens what it has built. */
  const succeeded = around(deps.gates, async (verb, _, run) => {
    if (verb === 'open')
      await rebuildPartition({ ...deps, gates: dying }, partition).catch(() => {})
    return run()
  })
  await assert.rejects(rebuildPartition({ ...deps, gates: succeeded }, partition), {
    name: 'Fenced',
  })
  assert.equal(tables.partition(partition).generation, 3)
  assert.equal((await admit()).reply.tag, 'closed')
})
