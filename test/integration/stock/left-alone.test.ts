// A SKU whose work PostgreSQL refuses stops itself, and nobody else; nothing that it accepted is lost.
import assert from 'node:assert/strict'
import test, { type TestContext } from 'node:test'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { partitionOf } from '../../../src/stock/protocol/partition.ts'
import { StockWorld } from '../../support/stock-world.ts'

/** Two SKUs of one partition with their gates; the work of the first is refused from now on. */
async function startRefusing(t: TestContext) {
  const world = await StockWorld.start(t)
  const bad = await world.addSku({ units: 5 })
  const partition = partitionOf(bad)
  const good = await world.addSku({ units: 5 }, partition)
  let now = 1_000
  const owner = await world.takeOver(partition, { monotonic: () => now })
  await world.openGate(owner, bad)
  await world.openGate(owner, good)
  for (const statement of [
    sql.typeAlias('none')`create table refused (sku text)`,
    sql.typeAlias('none')`insert into refused values (${bad})`,
    sql.typeAlias('none')`
      create function refuse() returns trigger language plpgsql as $$
        begin
          if exists (select from refused r where r.sku = new.sku) then
            raise exception 'refused' using errcode = 'check_violation';
          end if;
          return new;
        end $$`,
    sql.typeAlias('none')`
      create trigger refuse before insert on order_lines for each row execute function refuse()`,
  ]) {
    await world.pool.query(statement)
  }
  return {
    world,
    bad,
    good,
    partition,
    owner,
    /** It is never dry: what is left alone stays in its mailbox. */
    async passes() {
      for (let i = 0; i < 4; i++) await owner.actor.pass()
    },
    mend: () => world.pool.query(sql.typeAlias('none')`delete from refused`),
    wait: (ms: number) => {
      now += ms
    },
  }
}

test('a SKU whose work is refused holds up no other one of its partition', async (t) => {
  const { world, bad, good, owner, passes, mend, wait } = await startRefusing(t)
  const [stuck, sold] = [await world.granted(bad), await world.granted(good)]
  await passes()
  assert.equal(await world.statusOf(sold), 'reserved')
  assert.equal(await world.statusOf(stuck), null)
  assert.match(owner.warnings.join(), new RegExp(`${bad}: its work is refused`))
  // It is not tried again at once, and the neighbour goes on.
  const tries = owner.warnings.length
  const next = await world.granted(good)
  await passes()
  assert.equal(await world.statusOf(next), 'reserved')
  assert.equal(owner.warnings.length, tries)

  await mend()
  wait(60_000)
  await passes()
  assert.equal(await world.statusOf(stuck), 'reserved')
  for (const sku of [bad, good]) await world.assertSound(sku)
})

test('a single refusal costs no pause: it may come of a race', async (t) => {
  const { world, bad, owner, passes, mend } = await startRefusing(t)
  const id = await world.granted(bad)
  await owner.actor.pass()
  assert.equal(await world.statusOf(id), null)
  await mend()
  await passes()
  assert.equal(await world.statusOf(id), 'reserved')
})

test('commands of a SKU that is left alone hide nobody else’s', async (t) => {
  const { world, bad, good, owner, passes } = await startRefusing(t)
  await world.granted(bad)
  await passes()
  await world.pool.query(sql.typeAlias('none')`
    insert into stock_commands (id, partition, sku, kind, checkout_id, reason, created_at)
    select gen_random_uuid(), ${partitionOf(bad)}, ${bad}, 'release', gen_random_uuid(), 'a test',
      now() - interval '1 minute' from generate_series(1, 2500)`)
  const { id } = await world.command('restock', good, { units: 3, post: false })
  await world.age()
  await owner.actor.tend()
  await passes()
  assert.equal(await world.outcomeOf(id), 'restocked')
})

test('a rebuild passes over the entry that is refused, and over nothing else', async (t) => {
  const { world, bad, good, partition, owner, passes } = await startRefusing(t)
  const [lost, sold] = [await world.granted(bad), await world.granted(good)]
  await owner.actor.pass()
  await world.redisServer.kill('SIGKILL')
  await world.redisServer.ended
  await world.redisServer.restart()
  await world.redisIsBack()
  await owner.actor.tend()
  await passes()
  assert.equal(await world.statusOf(lost), null)
  assert.equal(await world.statusOf(sold), 'reserved')
  assert.match(owner.warnings.join(), /messages are lost, they are refused/)
  for (const sku of [bad, good]) {
    assert.equal((await world.admit(sku)).tag, 'granted')
  }
  await world.takeOver(partition)
})

test('a command that names no checkout is closed and changes nothing', async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5, limit: 3 })
  await world.granted(sku, { units: 2 })
  const { id } = await world.command('release', sku)
  await owner.runDry()
  assert.equal(await world.outcomeOf(id), 'names no checkout')
  assert.equal((await world.assertSound(sku)).held, 2)
})

test("a buyer's count that has drifted too low does not keep units from coming back", async (t) => {
  const world = await StockWorld.start(t)
  const { sku, owner } = await world.open({ units: 5, limit: 3 })
  const buyerId = newId()
  const checkoutId = await world.granted(sku, { buyerId, units: 2 })
  await owner.runDry()
  await world.pool.query(sql.typeAlias('none')`
    update buyer_units set units = 1 where buyer_id = ${buyerId}`)
  const { id } = await world.command('release', sku, { checkoutId })
  await owner.runDry()
  assert.equal(await world.outcomeOf(id), 'released')
  assert.equal((await world.assertSound(sku)).free, 5)
})
