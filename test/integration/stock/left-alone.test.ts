// A SKU whose work PostgreSQL refuses stops itself, and nobody else; nothing that it accepted is lost.
import assert from 'node:assert/strict'
import test from 'node:test'
import { systemClock } from '../../../src/kernel/clock.ts'
import { newId } from '../../../src/kernel/ids.ts'
import { sql } from '../../../src/platform/postgres/pool.ts'
import { partitionOf } from '../../../src/stock/partition.ts'
import { StockWorld } from '../../support/stock-world.ts'

test('a SKU that cannot be committed holds up no other one of its partition', async (t) => {
  const world = await StockWorld.start(t)
  const bad = await world.addSku({ units: 5 })
  const partition = partitionOf(bad)
  const good = await world.addSku({ units: 5 }, partition)
  let later = 0
  const owner = await world.takeOver(partition, { now: () => systemClock.now() + later })
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
      create trigger refuse before insert on holds for each row execute function refuse()`,
  ]) {
    await world.pool.query(statement)
  }
  // Never dry: what is left alone stays in its mailbox.
  const passes = async () => {
    for (let i = 0; i < 4; i++) await owner.actor.pass()
  }
  const [stuck, sold] = [await world.granted(bad), await world.granted(good)]
  await passes()
  assert.equal(await world.statusOf(sold), 'reserved')
  assert.equal(await world.statusOf(stuck), null)
  assert.match(owner.warnings.join(), new RegExp(`${bad}: its work cannot be committed`))
  // It is not tried again at once, and the neighbour goes on.
  const tries = owner.warnings.length
  const next = await world.granted(good)
  await passes()
  assert.equal(await world.statusOf(next), 'reserved')
  assert.equal(owner.warnings.length, tries)

  await world.pool.query(sql.typeAlias('none')`delete from refused`)
  later = 60_000
  await owner.runDry()
  assert.equal(await world.statusOf(stuck), 'reserved')
  for (const sku of [bad, good]) await world.assertSound(sku)
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
